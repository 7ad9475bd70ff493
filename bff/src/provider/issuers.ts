// Issuers whose tokens are accepted: OIDC_ISSUER, or with OIDC_TENANTS the provider's template filled with an allowed tenant
// (Entra ID).
import type { ProviderConfig } from "../config/config.ts";
import { issuerOfTenant, isTenantId, tenantOfIssuer } from "../config/tenants.ts";

export type Issuers = Pick<ProviderConfig, "issuer" | "tenants">;

/** @returns undefined for an accepted issuer, otherwise what it is */
export function issuerError(iss: unknown, { issuer, tenants }: Issuers): string | undefined {
  if (tenants === undefined) return iss === issuer ? undefined : "another issuer";
  const tenant = tenantOfIssuer(tenants, iss);
  if (tenant === undefined) return "another issuer";
  if (tenants.allowed === "any" || tenants.allowed.includes(tenant)) return undefined;
  return `tenant ${tenant}, which is not in OIDC_TENANTS`;
}

/** @returns undefined unless `tid` contradicts `iss`. Without OIDC_TENANTS `tid` is a claim like any other. */
export function tenantError({ iss, tid }: Readonly<Record<string, unknown>>, { tenants }: Issuers): string | undefined {
  if (tenants === undefined) return undefined;
  if (!isTenantId(tid)) return "tid is missing or no tenant id";
  return iss === issuerOfTenant(tenants, tid) ? undefined : "iss is not the issuer of the tenant in tid";
}

/** Whether an authorization response names our provider (RFC 9207 §2.4). It need not know the user's tenant. */
export function isOwnIssuer(iss: unknown, issuers: Issuers): boolean {
  const { issuer, tenants } = issuers;
  if (tenants === undefined) return iss === issuer;
  return iss === issuer || iss === tenants.template || issuerError(iss, issuers) === undefined;
}

/** Option of jose, which compares with one issuer. With OIDC_TENANTS the caller compares. */
export function issuerOption({ issuer, tenants }: Issuers): { issuer?: string } {
  return tenants === undefined ? { issuer } : {};
}
