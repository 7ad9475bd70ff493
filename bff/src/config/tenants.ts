// OIDC_TENANTS: the tenants whose users may log in where the issuer stands for several (Entra ID's `common` and
// `organizations`).
import { z } from "zod";
import { fileForms, type Setting } from "./setting-shapes.ts";

export type Tenants = Readonly<{
  /** The issuer in the discovery document, with a placeholder for the tenant. */
  template: string;
  allowed: readonly string[] | "any";
}>;

const PLACEHOLDER = "{tenantid}";
/** As Entra ID writes it: a UUID in lower case (RFC 9562 §4). */
const TENANT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const allowedTenants = z.string().transform((value, ctx): Tenants["allowed"] => {
  const words = value.split(/[\s,]+/).filter((word) => word !== "");
  if (words.length === 1 && words[0] === "any") return "any";
  const ids = words.map((word) => word.toLowerCase());
  if (ids.length === 0 || !ids.every(isTenantId))
    ctx.addIssue("must be tenant ids such as 11111111-2222-3333-4444-555555555555, separated by commas, or any");
  return ids;
});

export const TENANT_SETTINGS = {
  OIDC_TENANTS: {
    path: "provider.tenants",
    scope: "application",
    schema: allowedTenants.register(fileForms, { kind: "list", separator: "," }),
    meaning:
      "Ids of the tenants whose users may log in, separated by commas, or `any`; required by, and only for, an OIDC_ISSUER with `/common/` or `/organizations/` (Entra ID)",
  },
} as const satisfies Record<string, Setting>;

export function isTenantId(value: unknown): value is string {
  return typeof value === "string" && TENANT_ID.test(value);
}

/** @returns the issuer of one tenant */
export function issuerOfTenant({ template }: Tenants, tenant: string): string {
  const [before = "", after = ""] = template.split(PLACEHOLDER);
  return before + tenant + after;
}

/** @returns the tenant whose issuer this is, undefined for any other text */
export function tenantOfIssuer(tenants: Tenants, issuer: unknown): string | undefined {
  if (typeof issuer !== "string") return undefined;
  const before = tenants.template.indexOf(PLACEHOLDER);
  const tenant = issuer.slice(before, before + 36);
  return isTenantId(tenant) && issuer === issuerOfTenant(tenants, tenant) ? tenant : undefined;
}

/** @returns whether the issuer has a placeholder, so that it is the issuer of no tenant */
export function isTemplate(issuer: string): boolean {
  return /(\{|%7b)tenantid(\}|%7d)/i.test(issuer);
}

export function tenantsOf(issuer: string, allowed: Tenants["allowed"] | undefined): Tenants | undefined {
  const template = templateOf(issuer);
  return template === undefined || allowed === undefined ? undefined : { template, allowed };
}

/** @param isSet whether OIDC_TENANTS is set, also to an invalid value */
export function tenantErrors(issuer: string | undefined, isSet: boolean): string[] {
  if (issuer === undefined) return [];
  if (isTemplate(issuer))
    return [
      `OIDC_ISSUER is a template. Write the tenant's id in place of ${PLACEHOLDER}, or use /organizations/ and set OIDC_TENANTS.`,
    ];
  if (isSet && templateOf(issuer) === undefined)
    return ["OIDC_TENANTS is set, but OIDC_ISSUER names one tenant. Unset it, or use /organizations/ in OIDC_ISSUER."];
  if (!isSet && /\/(common|organizations)\/v2\.0\/?$/.test(issuer))
    return [
      "OIDC_TENANTS is required by this OIDC_ISSUER, at which users of every tenant can log in. Set the ids of the allowed tenants, or any; or use the issuer of one tenant.",
    ];
  return [];
}

/** @returns undefined without a path segment that stands for several tenants */
function templateOf(issuer: string): string | undefined {
  const template = issuer.replace(
    /^([^:]+:\/\/[^/]+\/(?:[^/]+\/)*?)(?:common|organizations)(?=\/|$)/,
    (_text, before: string) => before + PLACEHOLDER,
  );
  return template === issuer ? undefined : template;
}
