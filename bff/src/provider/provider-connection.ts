// Connection to the provider: discovery, client authentication, keys.
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { createClientAuthentication } from "./client-authentication.ts";
import { createDpopNonces, withDpopNonces, type DpopNonces } from "./dpop-nonces.ts";
import { createProviderDispatcher } from "./provider-dispatcher.ts";
import { checkedMetadata } from "./provider-metadata.ts";
import { refusedResponse } from "./provider-errors.ts";
import { createProviderFetch } from "./provider-fetch.ts";
import { cacheProbe, createProviderProbe } from "./provider-probe.ts";
import { memoizeSuccess } from "../lib/memoize-success.ts";
import { neverSentCode } from "../lib/network-errors.ts";
import { createTokenVerifier, type VerifyToken } from "./provider-keys.ts";

type Connection = {
  configuration: oidc.Configuration;
  /**
   * Configuration for refreshes, in effect without a limit on clock skew: the refresh token is already spent, so a
   * timestamp must not discard the new tokens. id-token.ts validates the ID token.
   */
  refreshing: oidc.Configuration;
  verify: VerifyToken;
};

export type ProviderConnection = ReturnType<typeof createProviderConnection>;

const ANY_CLOCK_SECONDS = 10 * 365 * 86_400;

const ISSUER_MISMATCH =
  "OIDC_ISSUER is not what the provider calls itself. Copy `issuer` from its discovery document exactly";

/** Cool-down between failed discoveries, so that an outage does not cause a request per login. */
const DISCOVERY_COOL_DOWN_MS = 1_000;

/**
 * Discovery (OIDC Discovery 1.0 §4) at the first use, single-flight, repeated until it succeeds.
 * @param onIgnored called with the names of optional metadata with invalid values
 */
export function createProviderConnection(
  config: ProviderConfig,
  onIgnored: (names: string[]) => void = () => {},
  nonces: DpopNonces = createDpopNonces(),
) {
  const client = createClientAuthentication(config);
  const dispatcher = createProviderDispatcher({ ...config, certificate: client.certificate });
  const fetch = withDpopNonces(createProviderFetch(config, dispatcher), nonces);

  const discover = async (): Promise<Connection> => {
    const http = config.issuer.startsWith("http:");
    const found = await oidc
      .discovery(new URL(config.issuer), config.clientId, undefined, undefined, {
        [oidc.customFetch]: fetch as unknown as oidc.CustomFetch,
        timeout: config.timeoutMs / 1000,
        execute: http ? [oidc.allowInsecureRequests] : [],
      })
      .catch((error: unknown) => {
        throw new GatewayError("provider_unavailable", { cause: error, reason: discoveryError(error, config.issuer) });
      });
    const discovered = found.serverMetadata();
    // openid-client ignores a trailing slash here, but `iss` of tokens is compared exactly.
    if (discovered.issuer !== config.issuer)
      throw new GatewayError("provider_unavailable", { reason: ISSUER_MISMATCH });
    const { metadata: checked, ignored } = checkedMetadata(discovered, config.issuer);
    if (ignored.length > 0) onIgnored(ignored);
    // OIDC_RESPONSE_ISS=optional: otherwise openid-client requires the `iss` that the metadata announces (RFC 9207).
    const metadata =
      config.responseIss === "optional"
        ? { ...checked, authorization_response_iss_parameter_supported: false }
        : checked;
    const authentication = client.authenticationAt(metadata);
    const configured = (tolerance: object): oidc.Configuration => {
      // Pinned: otherwise the provider's metadata would select the accepted algorithms (algorithm confusion).
      const rules = {
        id_token_signed_response_alg: config.idTokenAlg,
        // RFC 8705 §5: also where another method authenticates the client.
        use_mtls_endpoint_aliases: client.isMutualTls || config.senderConstrained === "mtls",
        ...tolerance,
      };
      const configuration = new oidc.Configuration(metadata, config.clientId, rules, authentication);
      configuration[oidc.customFetch] = fetch as unknown as oidc.CustomFetch;
      configuration.timeout = config.timeoutMs / 1000;
      if (http) oidc.allowInsecureRequests(configuration);
      return configuration;
    };
    const verify = createTokenVerifier(metadata.jwks_uri ?? "", { fetch, timeoutMs: config.timeoutMs });
    return {
      configuration: configured({}),
      refreshing: configured({ [oidc.clockTolerance]: ANY_CLOCK_SECONDS }),
      verify,
    };
  };
  const probe = createProviderProbe(config, fetch);
  return Object.assign(memoizeSuccess(discover, DISCOVERY_COOL_DOWN_MS), {
    probe,
    outage: cacheProbe(probe),
    client,
    /** @returns a sentence while a file of the client or OIDC_CA_FILE cannot be used */
    alarm: () => client.alarm() ?? dispatcher.alarm(),
  });
}

function discoveryError(error: unknown, issuer: string): string {
  const refused = refusedResponse(error);
  if (refused !== undefined) return `OIDC_ISSUER names no usable provider: ${refused.message}`;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED") return ISSUER_MISMATCH;
  if (code === "OAUTH_INVALID_RESPONSE")
    return "OIDC_ISSUER names a provider whose discovery document has no issuer. Correct the provider's metadata";
  const unsent = neverSentCode(error);
  if (unsent !== undefined)
    return `OIDC_ISSUER cannot be reached at ${new URL(issuer).host} (${unsent}). Start the provider or correct the setting`;
  if (statusOf(error) === 404)
    return `OIDC_ISSUER names no realm that is known at ${new URL(issuer).host} (404). Correct the setting or import the realm`;
  return "OIDC_ISSUER does not respond with a discovery document. Is the realm right, and has the provider finished starting?";
}

/** openid-client sets the unexpected response as the cause. */
function statusOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return typeof cause === "object" && cause !== null && "status" in cause ? cause.status : undefined;
}
