// Getting to know the provider: discovery, our client authentication, its keys.
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config.ts";
import { GatewayError } from "../errors.ts";
import { createProviderFetch, neverSentCode } from "./provider-fetch.ts";
import { untilItWorks } from "../until-it-works.ts";
import { createTokenVerifier, type VerifyToken } from "./provider-keys.ts";

type Connection = {
  configuration: oidc.Configuration;
  /**
   * For refreshes: a clock that differs is no reason to throw renewed tokens away, the refresh token is spent. What the
   * ID token says is judged by id-token.ts.
   */
  refreshing: oidc.Configuration;
  verify: VerifyToken;
};

const ANY_CLOCK_SECONDS = 10 * 365 * 86_400;

const ISSUER_MISMATCH =
  "OIDC_ISSUER is not what the provider calls itself. Copy `issuer` from its discovery document exactly";

/** After a failed discovery the next one waits for so long: a provider that starts is not stormed. */
const DISCOVERY_PAUSE_MS = 1_000;

/** Discovery (OIDC Discovery 1.0 §4), once, when it is first needed, and again until it succeeds. */
export function createProviderConnection(config: ProviderConfig) {
  const fetch = createProviderFetch(config);

  const discover = async (): Promise<Connection> => {
    const http = config.issuer.startsWith("http:");
    const configuration = await oidc
      .discovery(
        new URL(config.issuer),
        config.clientId,
        // Pinned here, or the provider's metadata would decide which algorithms are good enough (F2).
        { id_token_signed_response_alg: config.idTokenAlg },
        clientAuthentication(config.clientSecret),
        {
          [oidc.customFetch]: fetch as unknown as oidc.CustomFetch,
          timeout: config.timeoutMs / 1000,
          execute: http ? [oidc.allowInsecureRequests] : [],
        },
      )
      .catch((error: unknown) => {
        throw new GatewayError("provider_unavailable", { cause: error, reason: discoveryFault(error, config.issuer) });
      });
    const { jwks_uri: jwksUri, issuer } = configuration.serverMetadata();
    // openid-client compares them as URLs and lets a final slash pass; tokens name the issuer letter by letter.
    if (issuer !== config.issuer) throw new GatewayError("provider_unavailable", { reason: ISSUER_MISMATCH });
    if (jwksUri === undefined)
      throw new GatewayError("provider_unavailable", { reason: "OIDC_ISSUER names a provider that publishes no keys" });
    const refreshing = new oidc.Configuration(
      configuration.serverMetadata(),
      config.clientId,
      { id_token_signed_response_alg: config.idTokenAlg, [oidc.clockTolerance]: ANY_CLOCK_SECONDS },
      clientAuthentication(config.clientSecret),
    );
    refreshing[oidc.customFetch] = fetch as unknown as oidc.CustomFetch;
    refreshing.timeout = config.timeoutMs / 1000;
    if (http) oidc.allowInsecureRequests(refreshing);
    return { configuration, refreshing, verify: createTokenVerifier(jwksUri, { fetch, timeoutMs: config.timeoutMs }) };
  };
  return untilItWorks(discover, DISCOVERY_PAUSE_MS);
}

/** Basic unless the provider only knows the other one; a bare string would mean client_secret_post. */
function clientAuthentication(secret: string): oidc.ClientAuth {
  const basic = oidc.ClientSecretBasic(secret);
  const post = oidc.ClientSecretPost(secret);
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported;
    const usePost = methods !== undefined && !methods.includes("client_secret_basic");
    (usePost ? post : basic)(server, client, body, headers);
  };
}

function discoveryFault(error: unknown, issuer: string): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED") return ISSUER_MISMATCH;
  const unsent = neverSentCode(error);
  if (unsent !== undefined)
    return `OIDC_ISSUER cannot be reached at ${new URL(issuer).host} (${unsent}). Start the provider or correct the setting`;
  if (statusOf(error) === 404)
    return `OIDC_ISSUER names no realm that is known at ${new URL(issuer).host} (404). Correct the setting or import the realm`;
  return "OIDC_ISSUER does not answer with a discovery document. Is the realm right, and has the provider finished starting?";
}

/** The library keeps the answer that it did not expect as the cause. */
function statusOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return typeof cause === "object" && cause !== null && "status" in cause ? cause.status : undefined;
}
