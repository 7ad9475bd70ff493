// Token requests for a user: authorization code (OIDC Core 1.0 §3.1.3) and refresh (§12).
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { createKeyedBreaker } from "../lib/keyed-circuit-breaker.ts";
import type { RefreshAtProvider, RefreshOutcome } from "../tokens/refresh-outcomes.ts";
import type { TokenGrant } from "../tokens/token-set.ts";
import type { ClockSkew } from "./clock-skew.ts";
import type { Dpop } from "./dpop.ts";
import { rejectedTokens, type BindingError } from "./token-binding.ts";
import { decodeJwt } from "jose";
import type { ClientConfiguration } from "./client-configuration.ts";
import { isOwnIssuer, issuerError } from "./issuers.ts";
import { isTransient, verifyIdToken, type IdTokenClaims, type IdTokenRules } from "./id-token.ts";
import type { ProviderConnection } from "./provider-connection.ts";
import type { ConfigurationErrors } from "./configuration-errors.ts";
import { issuedAtOf, throwLoginError } from "./login-errors.ts";
import { refreshError } from "./provider-errors.ts";
import type { VerifyToken } from "./provider-keys.ts";
import { grantOf } from "./provider-tokens.ts";
import type { WarnMissingClaims } from "./missing-claims.ts";
import type { CurrentClaims, Userinfo, UserinfoAccess } from "./userinfo.ts";

export type CallbackExpectation = {
  state: string;
  nonce: string;
  codeVerifier: string;
  /** Secret that the DPoP key of the login is derived from. */
  proofSecret?: string;
  maxAgeSeconds: number | undefined;
};

export type LoginGrant = {
  grant: TokenGrant;
  claims: IdTokenClaims;
};

export type UserTokens = {
  /** @throws GatewayError login_failed | provider_unavailable */
  exchangeCode(query: string, expected: CallbackExpectation): Promise<LoginGrant>;
  refresh: RefreshAtProvider;
};

const PROVIDER_BREAKER = { failuresToOpen: 3, probeEveryMs: 1_000 };

type Dependencies = {
  config: ProviderConfig;
  connect: ProviderConnection;
  dpop: Dpop;
  bindingError: BindingError;
  clock: ClockSkew;
  userinfo: Userinfo;
  warnMissingClaims: WarnMissingClaims;
  redirectUri: string;
  /** `resource` (RFC 8707), if it is configured. */
  resource: Readonly<Record<string, string>>;
  faults: ConfigurationErrors;
};

export function createUserTokens(dependencies: Dependencies): UserTokens {
  const { config, connect, dpop, bindingError, clock, userinfo, redirectUri, resource, faults } = dependencies;
  const { warnMissingClaims } = dependencies;
  const breaker = createKeyedBreaker(PROVIDER_BREAKER);
  const rules = (accessToken: string) => idTokenRules(dependencies, accessToken);
  return {
    async exchangeCode(query, expected) {
      const { configuration, verify } = await connect();
      // From the configured origin, never from the request: it determines the redirect URI.
      const currentUrl = withPublishedIssuer(new URL(redirectUri + query), config);
      const proofKey = dpop.keyOfLogin(expected.proofSecret);
      const options = await dpop.options(configuration, proofKey);
      const response = await oidc
        .authorizationCodeGrant(
          configuration,
          currentUrl,
          {
            expectedState: expected.state,
            expectedNonce: expected.nonce,
            pkceCodeVerifier: expected.codeVerifier,
            idTokenExpected: true,
            ...(expected.maxAgeSeconds === undefined ? {} : { maxAge: expected.maxAgeSeconds }),
          },
          resource,
          options,
        )
        .catch((error: unknown) => {
          clock.observe(issuedAtOf(error));
          faults.failed("code", error);
          throwLoginError(error, { clockError: clock.error(), method: config.clientAuth.method });
        });
      const problem = await bindingError(response.access_token, proofKey);
      if (problem !== undefined) throw new GatewayError("login_failed", { reason: rejectedTokens(problem) });
      faults.succeeded("code");
      const grant = grantOf(response, config);
      const idToken = await verifyIdToken(response.id_token ?? "", verify, rules(grant.accessToken));
      const claims = await userinfo.claimsAtLogin(idToken, { ...grant, options }, { configuration, verify });
      // RFC 6749 §5.1: without `scope` the granted scope is the requested one.
      return { grant: { ...grant, proofKey, scope: grant.scope ?? config.scope }, claims: warnMissingClaims(claims) };
    },
    async refresh(refreshToken, { issuer, subject, tokens }) {
      const foreign = issuerError(issuer, config);
      if (foreign !== undefined) return { kind: "rejected", reason: `the session is of ${foreign}` };
      if (breaker.isOpen(subject)) return { kind: "unspent", reason: "circuit open: provider failed repeatedly" };
      try {
        const connected = await connect();
        const { refreshing, verify } = connected;
        const proofKey = dpop.keyOfTokens(tokens.proofKey);
        const options = await dpop.options(refreshing, proofKey);
        const response = await oidc
          .refreshTokenGrant(refreshing, refreshToken, resource, options)
          .catch((error: unknown) => failRefresh(error, { breaker, subject, faults }));
        const renewed = { ...grantOf(response, config), proofKey };
        const problem = await bindingError(renewed.accessToken, proofKey);
        breaker.report(subject, problem === undefined);
        if (problem !== undefined)
          return { kind: "unusable", reason: rejectedTokens(problem), refreshToken: renewed.refreshToken };
        faults.succeeded("refresh");
        const expected = { ...rules(renewed.accessToken), expectedUser: { issuer, subject } };
        const checked = await checkRefreshed(renewed, verify, expected);
        if (checked.kind !== "renewed") return checked;
        const context = { user: { iss: issuer, sub: subject }, tokens, options, connected };
        return withClaims(checked, context, dependencies);
      } catch (error) {
        return refreshError(error, config.clientAuth.method);
      }
    },
  };
}

/**
 * openid-client compares `iss` (RFC 9207) with the issuer of the metadata, which with OIDC_TENANTS is a template. Another
 * provider's `iss` stays, and is rejected.
 */
function withPublishedIssuer(currentUrl: URL, config: Dependencies["config"]): URL {
  const iss = currentUrl.searchParams.get("iss");
  if (config.tenants !== undefined && iss !== null && isOwnIssuer(iss, config))
    currentUrl.searchParams.set("iss", config.tenants.template);
  return currentUrl;
}

type RefreshFailure = { breaker: ReturnType<typeof createKeyedBreaker>; subject: string; faults: ConfigurationErrors };

/**
 * Only a rejection that ends the session is no failure of the circuit. Any other one is repeated by the session's next
 * request: a rejected setting would cause a token request for each request of each session.
 */
function failRefresh(error: unknown, { breaker, subject, faults }: RefreshFailure): never {
  breaker.report(subject, refreshError(error).kind === "rejected");
  faults.failed("refresh", error);
  throw error;
}

function idTokenRules({ config, clock }: Pick<Dependencies, "config" | "clock">, accessToken: string): IdTokenRules {
  const { issuer, tenants, clientId, audiences, idTokenAlg: alg } = config;
  return { issuer, tenants, clientId, audiences, alg, accessToken, nowSeconds: Math.floor(Date.now() / 1000), clock };
}

type CheckedRefresh =
  | { kind: "renewed"; grant: TokenGrant; claims?: IdTokenClaims }
  | Extract<RefreshOutcome, { kind: "rejected" }>;

/**
 * A renewed ID token must be for the same issuer, client and user (OIDC Core 1.0 §12.2).
 * @returns its claims, if the response contains a valid one
 */
async function checkRefreshed(grant: TokenGrant, verify: VerifyToken, rules: IdTokenRules): Promise<CheckedRefresh> {
  if (grant.idToken === undefined) return { kind: "renewed", grant };
  try {
    return { kind: "renewed", grant, claims: await verifyIdToken(grant.idToken, verify, rules) };
  } catch (error) {
    if (error instanceof GatewayError && error.code === "login_failed" && !isTransient(error))
      return { kind: "rejected", reason: error.reason ?? error.code };
    // Without keys or with clock skew it cannot be verified now. The tokens are from the token endpoint; the old ID token is
    // kept.
    return { kind: "renewed", grant: { ...grant, idToken: undefined } };
  }
}

type RefreshContext = {
  user: { iss: string; sub: string };
  tokens: Parameters<RefreshAtProvider>[1]["tokens"];
  options: UserinfoAccess["options"];
  connected: ClientConfiguration;
};

/** Userinfo is requested only where it is needed, and after the new tokens are stored (I4). */
function withClaims(
  checked: Extract<CheckedRefresh, { kind: "renewed" }>,
  { user, tokens, options, connected }: RefreshContext,
  { config, userinfo, warnMissingClaims }: Pick<Dependencies, "config" | "userinfo" | "warnMissingClaims">,
): RefreshOutcome {
  const { grant, claims } = checked;
  const current = currentClaims(claims, tokens.idToken, user);
  const access = { accessToken: grant.accessToken, scope: grant.scope ?? tokens.scope, options };
  // Whether an ID token that was not stored had all claims is unknown.
  const isUnknown = current.source === "none" && config.userinfo !== "always";
  if (!isUnknown && userinfo.isNeeded(current.claims, access.scope, connected))
    return { kind: "renewed", grant, fetchClaims: () => userinfo.claimsAtRefresh(current, access, connected) };
  if (claims !== undefined) warnMissingClaims(claims);
  return checked;
}

/** @param stored an ID token that was validated before it was stored; empty if it was too long for that */
function currentClaims(
  renewed: IdTokenClaims | undefined,
  stored: string,
  user: Pick<IdTokenClaims, "iss" | "sub">,
): CurrentClaims {
  if (renewed !== undefined) return { source: "new ID token", claims: renewed };
  try {
    return { source: "stored ID token", claims: decodeJwt<IdTokenClaims>(stored) };
  } catch {
    return { source: "none", claims: { ...user, iat: 0 } };
  }
}
