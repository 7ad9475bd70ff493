// Everything that is said to the provider. The only file that speaks OpenID Connect on the wire.
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { createKeyedBreaker } from "../lib/keyed-circuit-breaker.ts";
import type { Log } from "../logging/log.ts";
import type { RefreshOutcome } from "../tokens/refresh.ts";
import type { TokenGrant } from "../tokens/token-set.ts";
import { memoizeSuccess } from "../lib/memoize-success.ts";
import { createClockDifference } from "./clock-skew.ts";
import { isLag, verifyIdToken, type IdTokenClaims } from "./id-token.ts";
import { verifyLogoutToken, type LogoutToken } from "./logout-token.ts";
import { createProviderConnection } from "./provider-connection.ts";
import { isAnswer, issuedAtOf, refreshFault, throwLoginFault, throwUnavailable } from "./provider-errors.ts";
import type { VerifyToken } from "./provider-keys.ts";
import { createProviderTokens, grantOf, type ProviderTokens } from "./provider-tokens.ts";

export type AuthorizationRequest = {
  state: string;
  nonce: string;
  codeVerifier: string;
  /** Parameters that /bff/login lets through. */
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
  /** @returns whether the provider confirmed it. */
  revoke(refreshToken: string): Promise<boolean>;
  /**
   * Whether the end of the session at the provider ends its refresh token too, so that no revocation is needed. OIDC
   * Back-Channel Logout 1.0 §2.7 demands it of providers with that feature, for tokens without `offline_access`.
   */
  endsTokensWithSession(grantedScope: string): boolean;
  /** Asks the provider, without a result that was kept. */
  isReachable(): Promise<boolean>;
  /** @returns undefined where the provider has no end-session endpoint, or has never been reached. */
  endSessionUrl(idToken: string): URL | undefined;
  /** @throws GatewayError request_malformed | provider_unavailable */
  verifyLogoutToken(jwt: string): Promise<LogoutToken>;
  /**
   * @returns undefined when the provider is known and has once taken a login request of ours, otherwise one sentence
   * that names the setting and the cure.
   */
  check(): Promise<string | undefined>;
  /** @returns undefined while a provider that has been reached once still responds, otherwise one sentence. */
  outage(): Promise<string | undefined>;
  /** @returns undefined while the provider's clock and ours agree as far as is known, otherwise one sentence. */
  clockAlarm(): string | undefined;
};

type Options = { config: ProviderConfig; publicOrigin: string; postLogoutPath: string; log: Pick<Log, "warn"> };

export const CALLBACK_PATH = "/bff/callback";

const PROVIDER_BREAKER = { failuresToOpen: 3, probeEveryMs: 1_000 };

/** It goes into a `Location` header; nginx reserves 4 kB for a response's whole head by default. */
const MAX_PUSHED_URL_CHARS = 3_000;

/** A refused registration is cured by a person: asking more often would only fill the provider's event log. */
const REGISTRATION_PAUSE_MS = 5_000;

export function createProvider({ config, publicOrigin, postLogoutPath, log }: Options): Provider {
  const connect = createProviderConnection(config, (names) =>
    log.warn(`the provider's discovery document has unusable values, which are ignored: ${names.join(", ")}`),
  );
  const breaker = createKeyedBreaker(PROVIDER_BREAKER);
  const redirectUri = publicOrigin + CALLBACK_PATH;
  const resource = config.resource === undefined ? {} : { resource: config.resource };
  const clock = createClockDifference();
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
    // RFC 9126: with a pushed request the browser carries nothing that could be changed on the way.
    if (configuration.serverMetadata().pushed_authorization_request_endpoint === undefined)
      return oidc.buildAuthorizationUrl(configuration, parameters);
    const url = await oidc.buildAuthorizationUrlWithPAR(configuration, parameters).catch(throwUnavailable);
    if (url.href.length <= MAX_PUSHED_URL_CHARS) return url;
    throw new GatewayError("provider_unavailable", {
      reason: `the provider's pushed authorization response has a request_uri of ${url.href.length} characters`,
    });
  };
  // A wrong secret or redirect URI is found by the first probe instead of the first user. Nobody is sent to this
  // request, and it is gone in a minute; a provider without pushed requests shows it at the first login only.
  const proveRegistration = memoizeSuccess(
    () =>
      authorizationUrl({
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        codeVerifier: oidc.randomPKCECodeVerifier(),
        extra: {},
      }),
    REGISTRATION_PAUSE_MS,
  );

  return {
    authorizationUrl,
    async exchangeCode(query, expected) {
      const { configuration, verify } = await connect();
      // From the configured origin, never from the request: the redirect URI is derived from it (F11b).
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
          throwLoginFault(error, clock.fault());
        });
      const claims = await verifyIdToken(response.id_token ?? "", verify, rules(response.access_token));
      return { grant: grantOf(response), claims };
    },
    async refresh(refreshToken, { issuer, subject }) {
      if (issuer !== config.issuer) return { kind: "rejected", reason: "the session is of another issuer" };
      if (breaker.isOpen(subject)) return { kind: "unspent", reason: "the provider has just failed several times" };
      try {
        const { refreshing, verify } = await connect();
        const response = await oidc.refreshTokenGrant(refreshing, refreshToken, resource).catch((error: unknown) => {
          breaker.report(subject, isAnswer(error));
          throw error;
        });
        breaker.report(subject, true);
        const grant = grantOf(response);
        if (grant.idToken === undefined) return { kind: "renewed", grant };
        return await checkRefreshed(grant, verify, { ...rules(grant.accessToken), expectedSubject: subject });
      } catch (error) {
        return refreshFault(error);
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
        await proveRegistration();
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
    if (error instanceof GatewayError && error.code === "login_failed" && !isLag(error))
      return { kind: "rejected", reason: error.reason ?? error.code };
    // Without keys, or with a clock that differs, it cannot be judged now. The tokens came from the token endpoint itself; the old ID token stays.
    return { kind: "renewed", grant: { ...grant, idToken: undefined } };
  }
}
