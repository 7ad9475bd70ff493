// Userinfo requests (OIDC Core 1.0 §5.3): when one is needed, its validation, and what a failed one means.
import { errors } from "jose";
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { valueAt } from "../lib/claim-path.ts";
import { CLOCK_TOLERANCE_SECONDS } from "./clock-skew.ts";
import type { ConfigurationErrors } from "./configuration-errors.ts";
import { failureOf, rejectedResponse, rowOf, statusOf } from "./provider-errors.ts";
import { PROTOCOL_CLAIMS, type IdTokenClaims } from "./id-token.ts";
import type { VerifyToken } from "./provider-keys.ts";
import type { FetchedClaims } from "../tokens/fetched-claims.ts";

/** Larger ones are rejected: all claims become part of the session record. */
const MAX_USERINFO_BYTES = 65_536;

type Connected = { configuration: oidc.Configuration; verify: VerifyToken };

/** Tokens of the same response or session as the ID token. `scope`: granted, undefined means as requested. */
export type UserinfoAccess = {
  accessToken: string;
  scope: string | undefined;
  /** With the DPoP key of the access token, if it has one. */
  options: { DPoP?: oidc.DPoPHandle };
};

/** The claims that userinfo is added to at a refresh. `none`: those of an ID token that was too long to be stored. */
export type CurrentClaims = { source: "new ID token" | "stored ID token" | "none"; claims: IdTokenClaims };

export type Userinfo = {
  /** Whether this ID token lacks mapped claims (OIDC_USERINFO). */
  isNeeded(idToken: IdTokenClaims, scope: string | undefined, connected: Connected): boolean;
  /**
   * @returns the claims of the ID token, with those of userinfo where they are needed
   * @throws GatewayError login_failed for userinfo of another user, and with `always` for unusable userinfo;
   * provider_unavailable during an outage if roles may be missing
   */
  claimsAtLogin(idToken: IdTokenClaims, access: UserinfoAccess, connected: Connected): Promise<IdTokenClaims>;
  /**
   * With `auto` and without usable userinfo, the roles of a new ID token count, as at a login: a role that it no longer
   * contains does not stay.
   * @throws GatewayError if userinfo cannot be used otherwise: the session keeps its claims
   */
  claimsAtRefresh(current: CurrentClaims, access: UserinfoAccess, connected: Connected): Promise<FetchedClaims>;
  /** @returns one sentence if OIDC_USERINFO cannot work with this provider */
  fault(connected: Pick<Connected, "configuration">): string | undefined;
};

type Result =
  | { kind: "claims"; claims: Readonly<Record<string, unknown>> }
  /** An outage: a repeated login can succeed. */
  | { kind: "unavailable"; reason: string }
  /** A wrong configuration: a repeated login would fail again. */
  | { kind: "unusable"; reason: string }
  /** Of another user, or not of this provider. */
  | { kind: "foreign"; reason: string };

type Options = {
  config: Pick<ProviderConfig, "userinfo" | "rolePaths" | "identityPaths" | "scope" | "clientId" | "idTokenAlg">;
  faults: Pick<ConfigurationErrors, "failed" | "succeeded">;
  /** Called where a login continues without userinfo. */
  onIgnored: (reason: string) => void;
};

export function createUserinfo({ config, faults, onIgnored }: Options): Userinfo {
  const { userinfo: mode, rolePaths, identityPaths } = config;
  const lacksRoles = (claims: IdTokenClaims) => rolePaths.every((path) => isAbsent(valueAt(claims, path)));
  const lacksIdentity = (claims: IdTokenClaims) => identityPaths.some((path) => isAbsent(valueAt(claims, path)));
  /** OIDC Core 1.0 §5.4: claims that a granted scope promises. */
  const lacksProfile = (claims: IdTokenClaims, scope = config.scope) => {
    const scopes = scope.split(" ");
    return [["profile", "name"] as const, ["email", "email"] as const].some(
      ([granted, claim]) => scopes.includes(granted) && isAbsent(claims[claim]),
    );
  };
  const isNeeded: Userinfo["isNeeded"] = (claims, scope, { configuration }) => {
    if (mode === "off") return false;
    if (mode === "always") return true;
    return hasEndpoint(configuration) && (lacksRoles(claims) || lacksIdentity(claims) || lacksProfile(claims, scope));
  };
  const request = (
    idToken: IdTokenClaims,
    { accessToken, options }: UserinfoAccess,
    connected: Connected,
  ): Promise<Result> => requestUserinfo({ accessToken, options, faults, user: idToken, ...config, ...connected });

  return {
    isNeeded,
    async claimsAtLogin(idToken, access, connected) {
      if (!isNeeded(idToken, access.scope, connected)) return idToken;
      const result = await request(idToken, access, connected);
      if (result.kind === "claims") return withUserinfo(idToken, result.claims);
      const { kind, reason } = result;
      if (kind === "foreign" || (kind === "unusable" && mode === "always"))
        throw new GatewayError("login_failed", { reason });
      // A session without roles would get 403 for every role-protected request until its refresh (I5), and one without
      // claims of identity headers would be another user for an upstream, or none.
      if (kind === "unavailable" && (mode === "always" || lacksRoles(idToken) || lacksIdentity(idToken)))
        throw new GatewayError("provider_unavailable", { reason });
      onIgnored(reason);
      return idToken;
    },
    async claimsAtRefresh({ source, claims }, access, connected) {
      const result = await request(claims, access, connected);
      if (result.kind === "claims")
        return { claims: withUserinfo(claims, result.claims), isPartial: source === "none" };
      // As at the login, which continued with the claims of the ID token.
      if (result.kind === "unusable" && mode === "auto") return { claims, isPartial: false };
      if (mode === "auto" && source === "new ID token" && !lacksRoles(claims))
        return { claims, isPartial: true, problem: result.reason };
      throw new GatewayError("provider_unavailable", { reason: result.reason });
    },
    fault: ({ configuration }) => (mode === "always" && !hasEndpoint(configuration) ? NO_ENDPOINT : undefined),
  };
}

const NO_ENDPOINT =
  "OIDC_USERINFO is always, and the provider has no userinfo endpoint. Set it to auto, and add the claims to the ID token there";

const hasEndpoint = (configuration: oidc.Configuration): boolean =>
  configuration.serverMetadata().userinfo_endpoint !== undefined;

const isAbsent = (value: unknown): boolean => value === undefined || value === null;

/** The claims about the user are those of userinfo, which are newer. The claims about the login stay those of the ID token. */
function withUserinfo(idToken: IdTokenClaims, userinfo: Readonly<Record<string, unknown>>): IdTokenClaims {
  const aboutUser = Object.entries(userinfo).filter(
    ([name, value]) => name !== "sub" && !PROTOCOL_CLAIMS.has(name) && !isAbsent(value),
  );
  return Object.fromEntries([...Object.entries(idToken), ...aboutUser]) as IdTokenClaims;
}

type Request = Connected &
  Pick<ProviderConfig, "clientId" | "idTokenAlg"> &
  Pick<UserinfoAccess, "accessToken" | "options"> &
  Pick<Options, "faults"> & { user: Pick<IdTokenClaims, "iss" | "sub"> };

async function requestUserinfo({ configuration, ...request }: Request): Promise<Result> {
  const { clientId, idTokenAlg, accessToken, options, faults } = request;
  // `iss` of the ID token, because the metadata may have a template (Entra ID).
  const { iss: issuer, sub: subject } = request.user;
  // Pinned: the provider's list may contain `none`.
  const { userinfo_endpoint, mtls_endpoint_aliases } = configuration.serverMetadata();
  if (userinfo_endpoint === undefined) return { kind: "unusable", reason: NO_ENDPOINT };
  const own = new oidc.Configuration(
    {
      ...{ issuer, userinfo_endpoint, userinfo_signing_alg_values_supported: [idTokenAlg] },
      ...(mtls_endpoint_aliases === undefined ? {} : { mtls_endpoint_aliases }),
    },
    clientId,
    {
      [oidc.clockTolerance]: CLOCK_TOLERANCE_SECONDS,
      use_mtls_endpoint_aliases: configuration.clientMetadata().use_mtls_endpoint_aliases === true,
    },
  );
  own.timeout = configuration.timeout;
  if (issuer.startsWith("http:")) oidc.allowInsecureRequests(own);
  own[oidc.customFetch] = verifyingFetch(configuration[oidc.customFetch] as oidc.CustomFetch, request);
  try {
    const claims = await oidc.fetchUserInfo(own, accessToken, subject, options);
    faults.succeeded("userinfo");
    return { kind: "claims", claims };
  } catch (error) {
    faults.failed("userinfo", error);
    return failure(error);
  }
}

/** openid-client checks `iss`, `aud` and times of a signed response, but not its signature. */
function verifyingFetch(
  fetch: oidc.CustomFetch,
  { verify, idTokenAlg }: Pick<Request, "verify" | "idTokenAlg">,
): oidc.CustomFetch {
  return async (url, options) => {
    const response = await fetch(url, options);
    if (response.status !== 200) return response;
    const body = Buffer.from(await response.arrayBuffer());
    if (body.length > MAX_USERINFO_BYTES)
      throw new UnusableUserinfo(`its response has more than ${MAX_USERINFO_BYTES} bytes. Release fewer claims there`);
    const type = (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
    const headers = { "content-type": type };
    if (type === "application/jwt") {
      const jwt = body.toString().trim();
      if (jwt.split(".").length === 5)
        throw new UnusableUserinfo("its response is encrypted. Switch encryption off for this client there");
      await verify(jwt, { algorithms: [idTokenAlg] }).catch((error: unknown) => throwUnverified(error, idTokenAlg));
      return new Response(jwt, { headers });
    }
    if (type !== "application/json")
      throw new UnusableUserinfo("its response is neither application/json nor application/jwt");
    return new Response(body, { headers });
  };
}

function throwUnverified(error: unknown, alg: string): never {
  if (error instanceof GatewayError) throw error;
  if (error instanceof errors.JOSEAlgNotAllowed)
    throw new UnusableUserinfo(`its response is not signed with ${alg} (OIDC_ID_TOKEN_ALG)`);
  throw new ForeignUserinfo(error instanceof errors.JOSEError ? error.code : "unreadable");
}

class UnusableUserinfo extends Error {}
class ForeignUserinfo extends Error {}

function failure(error: unknown): Exclude<Result, { kind: "claims" }> {
  const oversized = rejectedResponse(error);
  if (oversized !== undefined) return unusable(oversized.message);
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof UnusableUserinfo) return unusable(current.message);
    if (current instanceof ForeignUserinfo) return { kind: "foreign", reason: `userinfo rejected: ${current.message}` };
    if (current instanceof GatewayError) return { kind: "unavailable", reason: current.reason ?? current.code };
  }
  const code = error instanceof oidc.ClientError ? (error.code ?? "") : "";
  if (code === "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED")
    return { kind: "foreign", reason: "userinfo rejected: its sub is not the sub of the ID token" };
  if (/^OAUTH_(JWT_|INVALID_RESPONSE)/.test(code)) return { kind: "foreign", reason: `userinfo rejected: ${code}` };
  const rejection = failureOf(error);
  const row = rejection === undefined ? undefined : rowOf("userinfo", rejection);
  const status = statusOf(error);
  if (row?.outcome === "configuration") return unusable(`it responds ${String(status)}: ${row.sentence ?? ""}`);
  const isTemporary = row?.outcome === "temporary" || status === 408;
  if (status !== undefined && status < 500 && !isTemporary)
    return unusable(`it responds ${status}. The access token must be valid there (OIDC_RESOURCE, OIDC_SCOPE)`);
  const detail = status === undefined ? "no response" : `status ${status}`;
  return { kind: "unavailable", reason: `the userinfo endpoint does not respond as expected (${detail})` };
}

const unusable = (problem: string): Result & { kind: "unusable" } => ({
  kind: "unusable",
  reason: `the userinfo endpoint cannot be used: ${problem}, or set OIDC_USERINFO=off`,
});
