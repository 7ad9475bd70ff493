// Discovery (OIDC Discovery 1.0 §4): reads the provider's metadata, with the time for which it may be used.
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { isTemplate } from "../config/tenants.ts";
import { GatewayError } from "../errors.ts";
import { kindOfCode, neverSentCode } from "../lib/network-errors.ts";
import { rejectedResponse, statusOf } from "./provider-errors.ts";
import type { ProviderFetch } from "./provider-fetch.ts";
import { proxyErrorOf } from "./proxy-tunnel.ts";
import { checkedMetadata } from "./provider-metadata.ts";

export type Discovered = {
  metadata: oidc.ServerMetadata;
  /** Names of optional metadata with invalid values. */
  ignored: string[];
  /** When the metadata is to be read again: `max-age` within bounds. */
  maxAgeMs: number;
};

const MIN_AGE_MS = 10_000;
const MAX_AGE_MS = 3_600_000;

const ISSUER_MISMATCH =
  "OIDC_ISSUER is not what the provider calls itself. Copy `issuer` from its discovery document exactly";

const TEMPLATE =
  "OIDC_ISSUER is not what the provider calls itself: its issuer has a placeholder for the tenant. Set OIDC_ISSUER to the issuer of one tenant, or to the one with /organizations/ and OIDC_TENANTS";

const NO_TEMPLATE =
  "OIDC_TENANTS is set, but `issuer` in the provider's discovery document is not OIDC_ISSUER with {tenantid} in place of common or organizations. Unset OIDC_TENANTS, and copy that issuer";

type Options = Pick<ProviderConfig, "issuer" | "tenants" | "clientId" | "timeoutMs" | "responseIss">;

/** @throws GatewayError provider_unavailable with setting and cure */
export async function discover(config: Options, fetch: ProviderFetch): Promise<Discovered> {
  let cacheControl = "";
  const observed: ProviderFetch = async (url, init) => {
    const response = await fetch(url, init);
    cacheControl = response.headers.get("cache-control") ?? "";
    return response;
  };
  const found = await oidc
    .discovery(discoveryAddress(config), config.clientId, undefined, undefined, {
      [oidc.customFetch]: observed as unknown as oidc.CustomFetch,
      timeout: config.timeoutMs / 1000,
      execute: config.issuer.startsWith("http:") ? [oidc.allowInsecureRequests] : [],
    })
    .catch((error: unknown) => {
      throw new GatewayError("provider_unavailable", { cause: error, reason: discoveryError(error, config) });
    });
  const discovered = found.serverMetadata();
  // openid-client ignores a trailing slash here, but `iss` of tokens is compared exactly.
  if (discovered.issuer !== (config.tenants?.template ?? config.issuer))
    throw new GatewayError("provider_unavailable", { reason: mismatchError(config, discovered.issuer) });
  const { metadata: checked, ignored } = checkedMetadata(discovered, config.issuer);
  // OIDC_RESPONSE_ISS=optional: otherwise openid-client requires the `iss` that the metadata announces (RFC 9207).
  const metadata =
    config.responseIss === "optional" ? { ...checked, authorization_response_iss_parameter_supported: false } : checked;
  return { metadata, ignored, maxAgeMs: maxAgeOf(cacheControl) };
}

/** openid-client does not compare the issuer with a whole address, so that it can be the template. */
function discoveryAddress({ issuer, tenants }: Options): URL {
  return new URL(tenants === undefined ? issuer : `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
}

function mismatchError({ tenants }: Pick<Options, "tenants">, published: unknown): string {
  if (tenants !== undefined) return NO_TEMPLATE;
  return typeof published === "string" && isTemplate(published) ? TEMPLATE : ISSUER_MISMATCH;
}

/** RFC 9111 §5.2.2.1. Other directives do not say when the metadata changes: Keycloak always sends `no-store`. */
function maxAgeOf(cacheControl: string): number {
  const [, seconds] = /(?:^|[\s,])max-age="?(\d{1,10})/i.exec(cacheControl) ?? [];
  if (seconds === undefined) return MAX_AGE_MS;
  return Math.min(Math.max(Number(seconds) * 1000, MIN_AGE_MS), MAX_AGE_MS);
}

function discoveryError(error: unknown, config: Options): string {
  const { issuer } = config;
  const rejected = rejectedResponse(error);
  if (rejected !== undefined)
    return `OIDC_ISSUER names a provider whose discovery document cannot be used: ${rejected.message}`;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED") return mismatchError(config, publishedIssuer(error));
  if (code === "OAUTH_INVALID_RESPONSE")
    return "OIDC_ISSUER names a provider whose discovery document has no issuer. Correct the provider's metadata";
  const proxy = proxyErrorOf(error);
  if (proxy !== undefined) return proxy.message;
  const unsent = neverSentCode(error);
  if (unsent !== undefined && kindOfCode(unsent) === "certificate")
    return certificateError(unsent, new URL(issuer).host);
  if (unsent !== undefined)
    return `OIDC_ISSUER cannot be reached at ${new URL(issuer).host} (${unsent}). Start the provider or correct the setting`;
  if (statusOf(error) === 404)
    return `OIDC_ISSUER names no realm that is known at ${new URL(issuer).host} (404). Correct the setting or import the realm`;
  return "OIDC_ISSUER does not respond with a discovery document. Is the realm right, and has the provider finished starting?";
}

/** openid-client sets the document as the cause. */
function publishedIssuer(error: unknown): unknown {
  const cause = error instanceof Error ? (error.cause as { body?: { issuer?: unknown } } | undefined) : undefined;
  return cause?.body?.issuer;
}

function certificateError(code: string, host: string): string {
  const certificate = `OIDC_ISSUER cannot be reached: the certificate of ${host}`;
  if (code === "CERT_HAS_EXPIRED") return `${certificate} has expired. Renew it at the provider`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH")
    return `${certificate} is for another host name (${code}). Correct OIDC_ISSUER or OIDC_INTERNAL_URL, or the certificate`;
  return `${certificate} is signed by a CA that is not trusted (${code}). Name that CA in OIDC_CA_FILE`;
}
