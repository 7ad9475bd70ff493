// OpenID Connect client: authorization requests, token requests, revocation, logout, health.
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { createKeyedBreaker } from "../lib/keyed-circuit-breaker.ts";
import type { Log } from "../logging/log.ts";
import type { RefreshOutcome } from "../tokens/refresh.ts";
import type { TokenGrant } from "../tokens/token-set.ts";
import { memoizeSuccess } from "../lib/memoize-success.ts";
import { createClockSkew } from "./clock-skew.ts";
import { isTransient, verifyIdToken, type IdTokenClaims } from "./id-token.ts";
import { verifyLogoutToken, type LogoutToken } from "./logout-token.ts";
import { createProviderConnection } from "./provider-connection.ts";
import { isProviderResponse, issuedAtOf, refreshError, throwLoginError, throwUnavailable } from "./provider-errors.ts";
import type { VerifyToken } from "./provider-keys.ts";
import { createProviderTokens, grantOf, type ProviderTokens } from "./provider-tokens.ts";

export type AuthorizationRequest = {
  state: string;
  nonce: string;
  codeVerifier: string;
  /** Validated parameters of /bff/login. */
  extra: Readonly<Record<string, string>>;
};

export type CallbackExpectation = {
  state: string;
  nonce: string;
  codeVerifier: string;
  maxAgeSeconds: number | undefined;
};

export type LoginGrant = {
  grant: TokenGrant;
  claims: IdTokenClaims;
};

export type Provider = ProviderTokens & {
  /** @throws GatewayError provider_unavailable */
  authorizationUrl(request: AuthorizationRequest): Promise<URL>;
  /** @throws GatewayError login_failed | provider_unavailable */
  exchangeCode(query: string, expected: CallbackExpectation): Promise<LoginGrant>;
  refresh(refreshToken: string, of: { issuer: string; subject: string }): Promise<RefreshOutcome>;
  /** RFC 7009. @returns whether the provider confirmed the revocation. Never throws. */
  revoke(refreshToken: string): Promise<boolean>;
  /**
   * Whether the end of the session at the provider also ends its refresh token, so that no revocation is needed. Required
   * by OIDC Back-Channel Logout 1.0 §2.7 for tokens without `offline_access`.
   */
  endsTokensWithSession(grantedScope: string): boolean;
  /** Sends a request, without the cache of `outage`. */
  isReachable(): Promise<boolean>;
  /** @returns undefined if the provider has no end-session endpoint, or discovery has not succeeded yet */
  endSessionUrl(idToken: string): URL | undefined;
  /** @throws GatewayError request_malformed | provider_unavailable */
  verifyLogoutToken(jwt: string): Promise<LogoutToken>;
  /**
   * @returns undefined once discovery and one authorization request have succeeded, otherwise one sentence with the
   * setting and the cure
   */
  check(): Promise<string | undefined>;
  /** @returns undefined while the provider responds, otherwise one sentence. Cached for up to ten seconds. */
  outage(): Promise<string | undefined>;
  /** @returns one sentence with the cure while the provider's clock differs from ours by more than 10 s */
  clockAlarm(): string | undefined;
};

type Options = { config: ProviderConfig; publicOrigin: string; postLogoutPath: string; log: Pick<Log, "warn"> };

export const CALLBACK_PATH = "/bff/callback";

const PROVIDER_BREAKER = { failuresToOpen: 3, probeEveryMs: 1_000 };

/** The URL is sent in a `Location` header; nginx accepts a response head of 4 kB by default. */
const MAX_PUSHED_URL_CHARS = 3_000;

/** Cool-down between failed checks of the registration: each is an error in the provider's event log. */
const REGISTRATION_COOL_DOWN_MS = 5_000;

export function createProvider({ config, publicOrigin, postLogoutPath, log }: Options): Provider {
  const connect = createProviderConnection(config, (names) =>
    log.warn(`discovery document: invalid optional values ignored: ${names.join(", ")}`),
  );
  const breaker = createKeyedBreaker(PROVIDER_BREAKER);
  const redirectUri = publicOrigin + CALLBACK_PATH;
  const resource = config.resource === undefined ? {} : { resource: config.resource };
  const clock = createClockSkew();
  const rules = (accessToken: string) => ({
    issuer: config.issuer,
    clientId: config.clientId,
    alg: config.idTokenAlg,
    accessToken,
    nowSeconds: Math.floor(Date.now() / 1000),
    clock,
  });

  const authorizationUrl: Provider["authorizationUrl"] = async ({ state, nonce, codeVerifier, extra }) => {
    const { configuration } = await connect();
    const parameters = {
      ...extra,
      ...resource,
      redirect_uri: redirectUri,
      response_type: "code",
      scope: config.scope,
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: "S256",
    };
    // RFC 9126: the browser cannot change a pushed request.
    if (configuration.serverMetadata().pushed_authorization_request_endpoint === undefined)
      return oidc.buildAuthorizationUrl(configuration, parameters);
    const url = await oidc.buildAuthorizationUrlWithPAR(configuration, parameters).catch(throwUnavailable);
    if (url.href.length <= MAX_PUSHED_URL_CHARS) return url;
    throw new GatewayError("provider_unavailable", {
      reason: `the provider's pushed authorization response has a request_uri of ${url.href.length} characters`,
    });
  };
  // Finds a wrong secret or redirect URI at the start instead of at the first login. The pushed request is not used and
  // expires. Without pushed authorization requests this only builds a URL.
  const checkRegistration = memoizeSuccess(
    () =>
      authorizationUrl({
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        codeVerifier: oidc.randomPKCECodeVerifier(),
        extra: {},
      }),
    REGISTRATION_COOL_DOWN_MS,
  );

  return {
    authorizationUrl,
    async exchangeCode(query, expected) {
      const { configuration, verify } = await connect();
      // From the configured origin, never from the request: it determines the redirect URI.
      const currentUrl = new URL(redirectUri + query);
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
        )
        .catch((error: unknown) => {
          clock.observe(issuedAtOf(error));
          throwLoginError(error, clock.error());
        });
      const claims = await verifyIdToken(response.id_token ?? "", verify, rules(response.access_token));
      return { grant: grantOf(response), claims };
    },
    async refresh(refreshToken, { issuer, subject }) {
      if (issuer !== config.issuer) return { kind: "rejected", reason: "the session is of another issuer" };
      if (breaker.isOpen(subject)) return { kind: "unspent", reason: "circuit open: provider failed repeatedly" };
      try {
        const { refreshing, verify } = await connect();
        const response = await oidc.refreshTokenGrant(refreshing, refreshToken, resource).catch((error: unknown) => {
          breaker.report(subject, isProviderResponse(error));
          throw error;
        });
        breaker.report(subject, true);
        const grant = grantOf(response);
        if (grant.idToken === undefined) return { kind: "renewed", grant };
        return await checkRefreshed(grant, verify, { ...rules(grant.accessToken), expectedSubject: subject });
      } catch (error) {
        return refreshError(error);
      }
    },
    async revoke(refreshToken) {
      try {
        const { configuration } = await connect();
        if (configuration.serverMetadata().revocation_endpoint === undefined) return false;
        await oidc.tokenRevocation(configuration, refreshToken, { token_type_hint: "refresh_token" });
        return true;
      } catch {
        return false;
      }
    },
    endsTokensWithSession(grantedScope) {
      const metadata = connect.known()?.configuration.serverMetadata();
      const isOffline = `${config.scope} ${grantedScope}`.split(" ").includes("offline_access");
      return (
        metadata?.end_session_endpoint !== undefined &&
        metadata.backchannel_logout_session_supported === true &&
        !isOffline
      );
    },
    isReachable: async () => (await connect.probe()) === undefined,
    endSessionUrl(idToken) {
      const configuration = connect.known()?.configuration;
      if (configuration?.serverMetadata().end_session_endpoint === undefined) return undefined;
      return oidc.buildEndSessionUrl(configuration, {
        post_logout_redirect_uri: publicOrigin + postLogoutPath,
        ...(idToken === "" ? {} : { id_token_hint: idToken }),
      });
    },
    ...createProviderTokens({ connect, defaultTarget: resource }),
    async verifyLogoutToken(jwt) {
      const { verify } = await connect();
      return verifyLogoutToken(jwt, verify, rules(""));
    },
    async check() {
      try {
        await connect();
        await checkRegistration();
        return undefined;
      } catch (error) {
        return error instanceof GatewayError ? (error.reason ?? error.code) : "the provider cannot be reached";
      }
    },
    outage: connect.outage,
    clockAlarm: clock.alarm,
  };
}

/** A renewed ID token must be for the same issuer, client and user (OIDC Core 1.0 §12.2). */
async function checkRefreshed(
  grant: TokenGrant,
  verify: VerifyToken,
  rules: Parameters<typeof verifyIdToken>[2],
): Promise<RefreshOutcome> {
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
