// Rules for the claims of an access token that a client brings, from a JWT (RFC 9068 §4) or an introspection response
// (RFC 7662 §2.2): issuer, audience, times, binding to a key, and that it is an access token at all.
import { hash } from "node:crypto";
import { issuerError, tenantError, type Issuers } from "./issuers.ts";

export type Claims = Readonly<Record<string, unknown>>;

export type BearerRules = {
  issuers: Issuers;
  /** The token must name one of them. Undefined: `clientIds` binds the token. */
  audiences: readonly string[] | undefined;
  /** Allowed values of `client_id` or `azp`. */
  clientIds: readonly string[] | undefined;
  /** The gateway's own client: ID tokens have it as their audience. */
  ownClientId: string;
  clockSkewSeconds: number;
};

export type AcceptedToken = {
  claims: Claims;
  issuer: string;
  subject: string;
  /** Hash of issuer and subject, for quotas and the log. */
  holder: string;
  scopes: readonly string[];
  /** Thumbprint of the DPoP key that the token is bound to. */
  jkt: string | undefined;
  /** From `exp`; Infinity if an introspection response has none. */
  expiresAtMs: number;
};

export type TokenVerdict =
  | { kind: "accepted"; token: AcceptedToken }
  /** The reason is for the log. It contains no part of the token. */
  | { kind: "rejected"; reason: string };

export function accepted(found: Omit<AcceptedToken, "holder" | "scopes">): TokenVerdict {
  const holder = hash("sha256", JSON.stringify([found.issuer, found.subject]), "base64url");
  return { kind: "accepted", token: { ...found, holder, scopes: scopesOf(found.claims) } };
}

export const rejected = (reason: string): TokenVerdict => ({ kind: "rejected", reason });

/** Longest `sub` of OIDC Core 1.0 §2. */
const MAX_SUBJECT_CHARS = 255;

/** @returns undefined if the token names one of the audiences and one of the clients */
export function targetError(claims: Claims, { audiences, clientIds }: BearerRules): string | undefined {
  if (audiences !== undefined) {
    const { aud } = claims;
    if (aud === undefined)
      return "aud is missing. Let the provider add the audience of this API, or bind the row by bearer.clientIds";
    const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
    if (!named.some((each) => typeof each === "string" && audiences.includes(each)))
      return "aud names another audience than bearer.audience";
  }
  if (clientIds === undefined) return undefined;
  const client = clientOf(claims);
  if (client === undefined) return "client_id and azp are missing";
  return clientIds.includes(client) ? undefined : "the client is not in bearer.clientIds";
}

/** @returns undefined for a token of an accepted issuer */
export function originError(claims: Claims, { issuers }: BearerRules): string | undefined {
  const foreign = issuerError(claims["iss"], issuers);
  return foreign === undefined ? tenantError(claims, issuers) : `iss names ${foreign}`;
}

/** @returns undefined if the token is valid now (RFC 7519 §4.1.4 to §4.1.6) */
export function timeError(claims: Claims, { clockSkewSeconds }: BearerRules, nowMs: number): string | undefined {
  const nowSeconds = nowMs / 1000;
  for (const name of ["exp", "nbf", "iat"] as const) {
    const value = claims[name];
    if (value === undefined) continue;
    if (typeof value !== "number" || !Number.isFinite(value)) return `${name} is not a number`;
    if (name === "exp" ? value + clockSkewSeconds <= nowSeconds : value - clockSkewSeconds > nowSeconds)
      return name === "exp" ? "it has expired" : `${name} is in the future`;
  }
  return undefined;
}

/**
 * Confirmation methods (RFC 7800 §3.1). A token that is bound to a key by a method that the gateway cannot verify is
 * rejected: accepted without proof it would be a bearer token.
 */
export function confirmationOf(claims: Claims): { jkt: string | undefined } | { fault: string } {
  const { cnf } = claims;
  if (cnf === undefined) return { jkt: undefined };
  if (typeof cnf !== "object" || cnf === null || Array.isArray(cnf)) return { fault: "cnf is not an object" };
  const { jkt, ...others } = cnf as Claims;
  if ("x5t#S256" in others)
    return { fault: "it is bound to a client certificate (cnf.x5t#S256), which the gateway does not see" };
  if (Object.keys(others).length > 0) return { fault: "cnf has a confirmation method that is not supported" };
  // RFC 7638: base64url of a SHA-256 hash.
  return typeof jkt === "string" && /^[\w-]{43}$/.test(jkt) ? { jkt } : { fault: "cnf.jkt is missing or malformed" };
}

/** Header types of JWT access tokens (RFC 9068 §2.1), compared as media types (RFC 7515 §4.1.9). */
export function isAccessTokenTyp(typ: unknown): boolean {
  return mediaType(typ) === "at+jwt";
}

/** A `typ` that states no kind of token. */
export function isPlainJwtTyp(typ: unknown): boolean {
  return typ === undefined || mediaType(typ) === "jwt";
}

function mediaType(typ: unknown): string | undefined {
  return typeof typ === "string" ? typ.toLowerCase().replace(/^application\//, "") : undefined;
}

/** Claims that only ID tokens (OIDC Core 1.0 §2, §3.3.2.11) and security event tokens (RFC 8417) have. */
const FOREIGN_CLAIMS = ["nonce", "at_hash", "c_hash", "s_hash", "events", "sub_jwk"] as const;
/** Claims that only access tokens have: RFC 9068 §2.2, RFC 8693 §4.2, Entra ID. */
const ACCESS_MARKS = ["scope", "scp", "client_id", "appid", "azpacr"] as const;
const KEYCLOAK_ACCESS_TYPES: ReadonlySet<unknown> = new Set(["Bearer", "DPoP"]);

/**
 * Distinguishes an access token from the other tokens of a provider, which have the same issuer and keys (RFC 8725 §2.8).
 * @param isTyped the header's `typ` is `at+jwt`, or the introspection response describes an access token
 */
export function kindError(claims: Claims, isTyped: boolean, { ownClientId }: BearerRules): string | undefined {
  const { typ, token_use: use, aud, azp } = claims;
  // Keycloak: Bearer, DPoP, ID, Refresh, Offline, Logout.
  if (typeof typ === "string")
    return KEYCLOAK_ACCESS_TYPES.has(typ) ? undefined : "its claim typ is not Bearer or DPoP";
  // Amazon Cognito and Ory: access, access_token, id, refresh_token.
  if (typeof use === "string") return /^access(_token)?$/.test(use) ? undefined : "its token_use is not access";
  if (isTyped) return undefined;
  const foreign = FOREIGN_CLAIMS.find((name) => claims[name] !== undefined);
  if (foreign !== undefined) return `it has ${foreign}, which access tokens do not have`;
  const audiences: readonly unknown[] = [aud].flat();
  // The client that asked for an ID token is its audience, and is named by azp at some providers (OIDC Core 1.0 §2).
  const isForClient = audiences.includes(ownClientId) || (typeof azp === "string" && audiences.includes(azp));
  // A renewed ID token may have neither nonce nor at_hash (OIDC Core 1.0 §12.2).
  if (isForClient && !ACCESS_MARKS.some((name) => claims[name] !== undefined))
    return "it may be an ID token: its audience is a client, OIDC_CLIENT_ID or azp, and it has no scope";
  return undefined;
}

/** @returns `client_id` (RFC 9068 §2.2), or `azp` of providers without it */
export function clientOf({ client_id: id, azp }: Claims): string | undefined {
  return [id, azp].find((each): each is string => typeof each === "string" && each !== "");
}

export function isSubject(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_SUBJECT_CHARS;
}

/** `scope` is a text (RFC 9068 §2.2.3) or, at some providers, a list; Entra ID and Okta name it `scp`. */
function scopesOf({ scope, scp }: Claims): string[] {
  return [scope, scp].flatMap((each) => {
    if (typeof each === "string") return each.split(" ").filter((word) => word !== "");
    return Array.isArray(each) ? each.filter((word) => typeof word === "string") : [];
  });
}
