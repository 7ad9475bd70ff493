// Configuration of openid-client and token verification for one version of the provider's metadata.
import { errors } from "jose";
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { ClientAuthentication } from "./client-authentication.ts";
import type { ProviderFetch } from "./provider-fetch.ts";
import { createTokenVerifier, type VerifyToken } from "./provider-keys.ts";
import { repeatWithNewMetadata, type RequestContext } from "./repeated-request.ts";

export type Connection = RequestContext & {
  configuration: oidc.Configuration;
  /**
   * Configuration for refreshes, in effect without a limit on clock skew: the refresh token is already spent, so a
   * timestamp must not discard the new tokens. id-token.ts validates the ID token.
   */
  refreshing: oidc.Configuration;
  verify: VerifyToken;
  /** Without the search for a key set that has moved. */
  verifyWithKeys: VerifyToken;
};

type Dependencies = { config: ProviderConfig; client: ClientAuthentication; fetch: ProviderFetch };
type Version = {
  metadata: oidc.ServerMetadata;
  /** Its keys are kept while the address of the key set is the same. */
  previous: Connection | undefined;
  /** Reads the metadata again after a failure. @returns undefined if nothing has changed */
  renew: (used: RequestContext) => Promise<Connection | undefined>;
};

const ANY_CLOCK_SECONDS = 10 * 365 * 86_400;

/** @throws GatewayError provider_unavailable if the provider does not list the method of client authentication */
export function createConnection(
  { config, client, fetch }: Dependencies,
  { metadata, previous, renew }: Version,
): Connection {
  const authenticate = client.authenticationAt(metadata);
  const context: RequestContext = {
    ...{ metadata, authenticate, clientId: config.clientId },
    // RFC 8705 §5: also where another method authenticates the client.
    useAliases: client.isMutualTls || config.senderConstrained === "mtls",
  };
  const verifyWithKeys =
    previous !== undefined && previous.metadata.jwks_uri === metadata.jwks_uri
      ? previous.verifyWithKeys
      : createTokenVerifier(metadata.jwks_uri ?? "", { fetch, timeoutMs: config.timeoutMs });
  const send = repeatWithNewMetadata(fetch, context, renew);
  const verify: VerifyToken = async (jwt, rules) => {
    try {
      return await verifyWithKeys(jwt, rules);
    } catch (error) {
      const next = mayHaveMoved(error) ? await renew(context) : undefined;
      if (next === undefined || next.verifyWithKeys === verifyWithKeys) throw error;
      return next.verifyWithKeys(jwt, rules);
    }
  };
  const configured = (tolerance: object) => createConfiguration({ config, context, send }, tolerance);
  // The same object as in `send`, since `renew` compares it.
  return Object.assign(context, {
    configuration: configured({}),
    refreshing: configured({ [oidc.clockTolerance]: ANY_CLOCK_SECONDS }),
    ...{ verify, verifyWithKeys },
  });
}

function createConfiguration(
  { config, context, send }: { config: ProviderConfig; context: RequestContext; send: ProviderFetch },
  tolerance: object,
): oidc.Configuration {
  // Pinned: otherwise the provider's metadata would select the accepted algorithms (algorithm confusion).
  const rules = {
    id_token_signed_response_alg: config.idTokenAlg,
    use_mtls_endpoint_aliases: context.useAliases,
    ...tolerance,
  };
  const { metadata, authenticate } = context;
  const configuration = new oidc.Configuration(metadata, config.clientId, rules, authenticate as oidc.ClientAuth);
  configuration[oidc.customFetch] = send as unknown as oidc.CustomFetch;
  configuration.timeout = config.timeoutMs / 1000;
  if (config.issuer.startsWith("http:")) oidc.allowInsecureRequests(configuration);
  return configuration;
}

/** The key set has no such key, or cannot be fetched: it may be at another address now. */
function mayHaveMoved(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof GatewayError;
}
