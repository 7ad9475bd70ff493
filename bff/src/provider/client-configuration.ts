// Configuration of openid-client and token verification for one version of the provider's metadata.
import { errors } from "jose";
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { AuthenticateClient, ClientAuthentication } from "./client-authentication.ts";
import { isOwnIssuer } from "./issuers.ts";
import type { ProviderFetch } from "./provider-fetch.ts";
import { createTokenVerifiers, type TokenVerifiers, type VerifyToken } from "./provider-keys.ts";
import { repeatWithNewMetadata, type RequestContext } from "./repeated-request.ts";

export type ClientConfiguration = RequestContext &
  TokenVerifiers & {
    configuration: oidc.Configuration;
    /**
     * Configuration for refreshes, in effect without a limit on clock skew: the refresh token is already spent, so a
     * timestamp must not discard the new tokens. id-token.ts validates the ID token.
     */
    refreshing: oidc.Configuration;
    /** Do not read the metadata again where a key is missing. */
    keys: TokenVerifiers;
    /** For introspection (RFC 7662). @param endpoint in place of the one in the metadata */
    introspecting: (endpoint: string | undefined) => Promise<oidc.Configuration>;
  };

type Dependencies = { config: ProviderConfig; client: ClientAuthentication; fetch: ProviderFetch };
type Version = {
  metadata: oidc.ServerMetadata;
  /** Its keys are kept while the address of the key set is the same. */
  previous: ClientConfiguration | undefined;
  /** Reads the metadata again after a failure. @returns undefined if nothing has changed */
  renew: (used: RequestContext) => Promise<ClientConfiguration | undefined>;
};

const ANY_CLOCK_SECONDS = 10 * 365 * 86_400;

/** @throws GatewayError provider_unavailable if the provider does not list the method of client authentication */
export async function createClientConfiguration(
  { config, client, fetch }: Dependencies,
  { metadata, previous, renew }: Version,
): Promise<ClientConfiguration> {
  const authenticate = withAudience(client.authenticationAt(metadata), config);
  const context: RequestContext = {
    ...{ metadata, authenticate, clientId: config.clientId },
    // RFC 8705 §5: also where another method authenticates the client.
    useAliases: client.isMutualTls || config.senderConstrained === "mtls",
  };
  const keys =
    previous !== undefined && previous.metadata.jwks_uri === metadata.jwks_uri
      ? previous.keys
      : createTokenVerifiers(metadata.jwks_uri ?? "", {
          ...{ fetch, timeoutMs: config.timeoutMs },
          ...(config.tenants === undefined ? {} : { isKeyOf: keysOfTenants(config) }),
        });
  const send = repeatWithNewMetadata(fetch, context, renew);
  const verifyWith = (kind: "verify" | "verifyBearer"): VerifyToken =>
    async function verifyToken(jwt, rules) {
      try {
        return await keys[kind](jwt, rules);
      } catch (error) {
        const next = mayHaveMoved(error) ? await renew(context) : undefined;
        if (next === undefined || next.keys === keys) throw error;
        return next.keys[kind](jwt, rules);
      }
    };
  const configured = (tolerance: object) => createConfiguration({ config, context, send }, tolerance);
  const configuration = await configured({});
  // The same object as in `send`, since `renew` compares it.
  return Object.assign(context, {
    configuration,
    refreshing: await configured({ [oidc.clockTolerance]: ANY_CLOCK_SECONDS }),
    ...{ verify: verifyWith("verify"), verifyBearer: verifyWith("verifyBearer"), hasKeyOf: keys.hasKeyOf, keys },
    introspecting: memoizeByEndpoint(configuration, (endpoint) =>
      createConfiguration({ config, context: withEndpoint(context, endpoint), send }, {}),
    ),
  });
}

function memoizeByEndpoint(
  ofMetadata: oidc.Configuration,
  create: (endpoint: string) => Promise<oidc.Configuration>,
): ClientConfiguration["introspecting"] {
  const created = new Map<string, Promise<oidc.Configuration>>();
  return async function introspecting(endpoint) {
    if (endpoint === undefined) return ofMetadata;
    const configuration = created.get(endpoint) ?? create(endpoint);
    created.set(endpoint, configuration);
    return configuration;
  };
}

/** The configured address: neither that of the metadata nor its alias for mutual TLS. */
function withEndpoint(context: RequestContext, endpoint: string): RequestContext {
  const { mtls_endpoint_aliases: aliases = {}, ...metadata } = context.metadata;
  const { introspection_endpoint: _alias, ...others } = aliases;
  return {
    ...context,
    metadata: { ...metadata, introspection_endpoint: endpoint, mtls_endpoint_aliases: others },
  };
}

async function createConfiguration(
  { config, context, send }: { config: ProviderConfig; context: RequestContext; send: ProviderFetch },
  tolerance: object,
): Promise<oidc.Configuration> {
  // Pinned: otherwise the provider's metadata would select the accepted algorithms (algorithm confusion).
  const rules = {
    id_token_signed_response_alg: config.idTokenAlg,
    use_mtls_endpoint_aliases: context.useAliases,
    ...tolerance,
  };
  const { metadata, authenticate } = context;
  const auth = authenticate as oidc.ClientAuth;
  const configuration =
    config.tenants === undefined
      ? new oidc.Configuration(metadata, config.clientId, rules, auth)
      : await configurationOfTenants(metadata, config.clientId, rules, auth);
  configuration[oidc.customFetch] = send as unknown as oidc.CustomFetch;
  configuration.timeout = config.timeoutMs / 1000;
  if (config.issuer.startsWith("http:")) oidc.allowInsecureRequests(configuration);
  return configuration;
}

/**
 * openid-client fills the template of an issuer with the token's `tid` only if it has discovered the metadata at Microsoft's
 * host. It is given the metadata that has been read and checked, whatever its host is; no request is sent.
 */
function configurationOfTenants(
  metadata: oidc.ServerMetadata,
  clientId: string,
  rules: Partial<oidc.ClientMetadata>,
  authenticate: oidc.ClientAuth,
): Promise<oidc.Configuration> {
  return oidc.discovery(new URL("https://login.microsoftonline.com"), clientId, rules, authenticate, {
    [oidc.customFetch]: () => Promise.resolve(Response.json(metadata)),
  });
}

/** openid-client sends the issuer as the audience of assertions; with OIDC_TENANTS it is a template (OIDC Core 1.0 §9). */
function withAudience(authenticate: AuthenticateClient, { tenants }: ProviderConfig): AuthenticateClient {
  if (tenants === undefined) return authenticate;
  return (server, ...request) =>
    authenticate({ ...server, issuer: server.token_endpoint ?? server.issuer }, ...request);
}

/**
 * Entra ID names the issuer of each key, because keys of one tenant are in the set of all. Userinfo may have no `iss`;
 * openid-client compares the one that it has.
 */
function keysOfTenants({ issuer, tenants }: ProviderConfig): (keyIssuer: string, iss: unknown) => boolean {
  return (keyIssuer, iss) =>
    keyIssuer === iss ||
    (keyIssuer === tenants?.template && (iss === undefined || isOwnIssuer(iss, { issuer, tenants })));
}

/** The key set has no such key, or cannot be fetched: it may be at another address now. */
function mayHaveMoved(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof GatewayError;
}
