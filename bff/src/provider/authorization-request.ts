// Authorization requests (OIDC Core 1.0 §3.1.2.1), pushed where the provider supports it (RFC 9126).
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { memoizeSuccess } from "../lib/memoize-success.ts";
import type { ProviderConnection } from "./provider-connection.ts";
import { throwUnavailable } from "./provider-errors.ts";

export type AuthorizationRequest = {
  state: string;
  nonce: string;
  codeVerifier: string;
  /** Validated parameters of /bff/login. */
  extra: Readonly<Record<string, string>>;
};

export type AuthorizationRequests = {
  /** @throws GatewayError provider_unavailable */
  authorizationUrl(request: AuthorizationRequest): Promise<URL>;
  /** Sends one request that is not used. @throws GatewayError provider_unavailable with the setting and the cure */
  checkRegistration(): Promise<unknown>;
};

/** The URL is sent in a `Location` header; nginx accepts a response head of 4 kB by default. */
const MAX_PUSHED_URL_CHARS = 3_000;

/** Cool-down between failed checks of the registration: each is an error in the provider's event log. */
const REGISTRATION_COOL_DOWN_MS = 5_000;

type Dependencies = {
  config: Pick<ProviderConfig, "scope">;
  connect: ProviderConnection;
  redirectUri: string;
  /** `resource` (RFC 8707), if it is configured. */
  resource: Readonly<Record<string, string>>;
};

export function createAuthorizationRequests({
  config,
  connect,
  redirectUri,
  resource,
}: Dependencies): AuthorizationRequests {
  const authorizationUrl: AuthorizationRequests["authorizationUrl"] = async ({ state, nonce, codeVerifier, extra }) => {
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

  return { authorizationUrl, checkRegistration };
}
