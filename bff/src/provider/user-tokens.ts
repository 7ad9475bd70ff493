// Token requests for a user: authorization code (OIDC Core 1.0 §3.1.3) and refresh (§12).
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { createKeyedBreaker } from "../lib/keyed-circuit-breaker.ts";
import type { RefreshAtProvider, RefreshOutcome } from "../tokens/refresh.ts";
import type { TokenGrant } from "../tokens/token-set.ts";
import type { ClockSkew } from "./clock-skew.ts";
import { bindingError, type Dpop } from "./dpop.ts";
import { isTransient, verifyIdToken, type IdTokenClaims, type IdTokenRules } from "./id-token.ts";
import type { ProviderConnection } from "./provider-connection.ts";
import { isProviderResponse, issuedAtOf, refreshError, throwLoginError } from "./provider-errors.ts";
import type { VerifyToken } from "./provider-keys.ts";
import { grantOf } from "./provider-tokens.ts";

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
  clock: ClockSkew;
  redirectUri: string;
  /** `resource` (RFC 8707), if it is configured. */
  resource: Readonly<Record<string, string>>;
};

export function createUserTokens({ config, connect, dpop, clock, redirectUri, resource }: Dependencies): UserTokens {
  const breaker = createKeyedBreaker(PROVIDER_BREAKER);
  const rules = (accessToken: string): IdTokenRules => ({
    issuer: config.issuer,
    clientId: config.clientId,
    audiences: config.audiences,
    alg: config.idTokenAlg,
    accessToken,
    nowSeconds: Math.floor(Date.now() / 1000),
    clock,
  });
  return {
    async exchangeCode(query, expected) {
      const { configuration, verify } = await connect();
      // From the configured origin, never from the request: it determines the redirect URI.
      const currentUrl = new URL(redirectUri + query);
      const proofKey = dpop.keyOfLogin(expected.proofSecret);
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
          await dpop.options(configuration, proofKey),
        )
        .catch((error: unknown) => {
          clock.observe(issuedAtOf(error));
          throwLoginError(error, clock.error());
        });
      const claims = await verifyIdToken(response.id_token ?? "", verify, rules(response.access_token));
      const problem = await bindingError(response.access_token, proofKey);
      if (problem !== undefined) throw new GatewayError("login_failed", { reason: refusedTokens(problem) });
      const grant = grantOf(response, config);
      // RFC 6749 §5.1: without `scope` the granted scope is the requested one.
      return { grant: { ...grant, proofKey, scope: grant.scope ?? config.scope }, claims };
    },
    async refresh(refreshToken, { issuer, subject, proofKey: current }) {
      if (issuer !== config.issuer) return { kind: "rejected", reason: "the session is of another issuer" };
      if (breaker.isOpen(subject)) return { kind: "unspent", reason: "circuit open: provider failed repeatedly" };
      try {
        const { refreshing, verify } = await connect();
        const proofKey = dpop.keyOfTokens(current);
        const options = await dpop.options(refreshing, proofKey);
        const response = await oidc
          .refreshTokenGrant(refreshing, refreshToken, resource, options)
          .catch((error: unknown) => {
            breaker.report(subject, isProviderResponse(error));
            throw error;
          });
        breaker.report(subject, true);
        const grant = { ...grantOf(response, config), proofKey };
        const problem = await bindingError(grant.accessToken, proofKey);
        if (problem !== undefined)
          return { kind: "unusable", reason: refusedTokens(problem), refreshToken: grant.refreshToken };
        if (grant.idToken === undefined) return { kind: "renewed", grant };
        return await checkRefreshed(grant, verify, { ...rules(grant.accessToken), expectedSubject: subject });
      } catch (error) {
        return refreshError(error);
      }
    },
  };
}

function refusedTokens(problem: string): string {
  return `the provider's token response was refused: ${problem}`;
}

/** A renewed ID token must be for the same issuer, client and user (OIDC Core 1.0 §12.2). */
async function checkRefreshed(grant: TokenGrant, verify: VerifyToken, rules: IdTokenRules): Promise<RefreshOutcome> {
  try {
    await verifyIdToken(grant.idToken ?? "", verify, rules);
    return { kind: "renewed", grant };
  } catch (error) {
    if (error instanceof GatewayError && error.code === "login_failed" && !isTransient(error))
      return { kind: "rejected", reason: error.reason ?? error.code };
    // Without keys or with clock skew it cannot be verified now. The tokens are from the token endpoint; the old ID token is
    // kept.
    return { kind: "renewed", grant: { ...grant, idToken: undefined } };
  }
}
