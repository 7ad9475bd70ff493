// Getting to know the provider: discovery, our client authentication, its keys.
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { checkedMetadata } from "./provider-metadata.ts";
import { refusedResponse } from "./provider-errors.ts";
import { createProviderFetch, neverSentCode } from "./provider-fetch.ts";
import { createProviderProbe, keepResult } from "./provider-probe.ts";
import { memoizeSuccess } from "../lib/memoize-success.ts";
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

/**
 * Discovery (OIDC Discovery 1.0 §4), once, when it is first needed, and again until it succeeds.
 * @param onIgnored called with the names of optional metadata that cannot be used
 */
export function createProviderConnection(config: ProviderConfig, onIgnored: (names: string[]) => void = () => {}) {
  const fetch = createProviderFetch(config);

  const discover = async (): Promise<Connection> => {
    const http = config.issuer.startsWith("http:");
    const found = await oidc
      .discovery(new URL(config.issuer), config.clientId, undefined, undefined, {
        [oidc.customFetch]: fetch as unknown as oidc.CustomFetch,
        timeout: config.timeoutMs / 1000,
        execute: http ? [oidc.allowInsecureRequests] : [],
      })
      .catch((error: unknown) => {
        throw new GatewayError("provider_unavailable", { cause: error, reason: discoveryFault(error, config.issuer) });
      });
    const discovered = found.serverMetadata();
    // openid-client compares them as URLs and lets a final slash pass; tokens name the issuer letter by letter.
    if (discovered.issuer !== config.issuer)
      throw new GatewayError("provider_unavailable", { reason: ISSUER_MISMATCH });
    const { metadata, ignored } = checkedMetadata(discovered, config.issuer);
    if (ignored.length > 0) onIgnored(ignored);
    const configured = (tolerance: object): oidc.Configuration => {
      // Pinned here, or the provider's metadata would decide which algorithms are good enough.
      const rules = { id_token_signed_response_alg: config.idTokenAlg, ...tolerance };
      const made = new oidc.Configuration(metadata, config.clientId, rules, clientAuthentication(config.clientSecret));
      made[oidc.customFetch] = fetch as unknown as oidc.CustomFetch;
      made.timeout = config.timeoutMs / 1000;
      if (http) oidc.allowInsecureRequests(made);
      return made;
    };
    const verify = createTokenVerifier(metadata.jwks_uri ?? "", { fetch, timeoutMs: config.timeoutMs });
    return {
      configuration: configured({}),
      refreshing: configured({ [oidc.clockTolerance]: ANY_CLOCK_SECONDS }),
      verify,
    };
  };
  const probe = createProviderProbe(config, fetch);
  return Object.assign(memoizeSuccess(discover, DISCOVERY_PAUSE_MS), { probe, outage: keepResult(probe) });
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
  const refused = refusedResponse(error);
  if (refused !== undefined) return `OIDC_ISSUER names no usable provider: ${refused.message}`;
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
