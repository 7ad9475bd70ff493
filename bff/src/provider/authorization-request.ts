// Authorization requests (OIDC Core 1.0 §3.1.2.1), pushed by pushed-request.ts where the provider allows it.
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import type { Log } from "../logging/log.ts";
import { memoizeSuccess } from "../lib/memoize-success.ts";
import type { Dpop } from "./dpop.ts";
import type { ProviderConnection } from "./provider-connection.ts";
import { requireSupportedPrompt } from "./prompt-values.ts";
import { signedResponseMode } from "./authorization-response.ts";
import type { ConfigurationErrors } from "./configuration-errors.ts";
import { createPushedRequests } from "./pushed-request.ts";
import { createRequestObjects } from "./request-object.ts";
import { requireProfile, type ProfileConfig } from "./security-profile.ts";

export type AuthorizationRequest = {
  state: string;
  nonce: string;
  codeVerifier: string;
  /** Secret that the DPoP key of the login is derived from. */
  proofSecret?: string;
  /** Validated parameters of /bff/login and of OIDC_LOGIN_PARAMETERS. */
  extra: Readonly<Record<string, string>>;
};

export type AuthorizationRequests = {
  /** @throws GatewayError provider_unavailable | request_malformed | login_failed for a setting that cannot work */
  authorizationUrl(request: AuthorizationRequest): Promise<URL>;
  /** Sends one request that is not used. @throws GatewayError with the setting and the cure */
  checkRegistration(): Promise<unknown>;
  /** @returns one sentence with the cure while the provider rejects pushed requests of this client */
  registrationAlarm(): string | undefined;
};

/** Cool-down between failed checks of the registration: each is an error in the provider's event log. */
const REGISTRATION_COOL_DOWN_MS = 5_000;

type Dependencies = {
  config: ProfileConfig &
    Pick<ProviderConfig, "scope" | "loginParameters" | "par" | "signedRequest" | "signedResponse">;
  connect: ProviderConnection;
  dpop: Pick<Dpop, "keyOfLogin" | "authorizationParameters" | "require">;
  redirectUri: string;
  /** `resource` (RFC 8707), if it is configured. */
  resource: Readonly<Record<string, string>>;
  log: Pick<Log, "warn">;
  faults?: ConfigurationErrors;
};

export function createAuthorizationRequests({
  config,
  connect,
  dpop,
  redirectUri,
  resource,
  log,
  faults,
}: Dependencies): AuthorizationRequests {
  const objects = createRequestObjects({ config, signingKey: connect.client.signingKey });
  const pushed = createPushedRequests({ config, log, faults });
  const authorizationUrl: AuthorizationRequests["authorizationUrl"] = async ({
    state,
    nonce,
    codeVerifier,
    proofSecret,
    extra,
  }) => {
    const { configuration } = await connect();
    requireProfile(configuration.serverMetadata(), config);
    requireSupportedPrompt(configuration.serverMetadata(), extra["prompt"]);
    dpop.require(configuration);
    const parameters = {
      ...extra,
      ...resource,
      ...(await dpop.authorizationParameters(dpop.keyOfLogin(proofSecret))),
      redirect_uri: redirectUri,
      response_type: "code",
      scope: config.scope,
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: "S256",
      ...(config.signedResponse ? { response_mode: signedResponseMode(configuration.serverMetadata()) } : {}),
    };
    const request = await objects.sign(configuration, parameters);
    // RFC 9126: the browser cannot change a pushed request.
    const hasLinkParameters = Object.entries(extra).some(([name, value]) => config.loginParameters[name] !== value);
    return (await pushed.push(configuration, request, hasLinkParameters)) ?? objects.plainUrl(configuration, request);
  };
  // Finds a wrong secret or redirect URI at startup instead of at the first login. The pushed request is not used and
  // expires. Without pushed authorization requests this only builds a URL.
  const checkRegistration = memoizeSuccess(
    () =>
      authorizationUrl({
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        codeVerifier: oidc.randomPKCECodeVerifier(),
        extra: config.loginParameters,
      }),
    REGISTRATION_COOL_DOWN_MS,
  );

  return { authorizationUrl, checkRegistration, registrationAlarm: pushed.alarm };
}
