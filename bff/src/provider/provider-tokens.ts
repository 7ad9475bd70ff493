// Token requests for one upstream's audience: client credentials (RFC 6749 §4.4) and token exchange (RFC 8693).
import { hash } from "node:crypto";
import * as oidc from "openid-client";
import { GatewayError } from "../errors.ts";
import { createKeyedBreaker } from "../lib/keyed-circuit-breaker.ts";
import type { ProofKey } from "../lib/proof-key.ts";
import type { AccessToken, TokenGrant } from "../tokens/token-set.ts";
import type { ClientAuthMethod } from "../config/client-auth-settings.ts";
import type { TokenTarget } from "../config/upstreams.ts";
import type { ProviderConfig } from "../config/config.ts";
import { ownLifetime } from "./access-token.ts";
import type { Dpop } from "./dpop.ts";
import { rejectedTokens, type BindingError } from "./token-binding.ts";
import { isProviderResponse, rowOf, throwUnavailable, wordOf } from "./provider-errors.ts";

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";

type Dependencies = {
  connect: () => Promise<{ configuration: oidc.Configuration }>;
  dpop: Dpop;
  bindingError: BindingError;
  /** Target of requests that name none: `resource` of the configuration. */
  defaultTarget: TokenTarget;
  lifetimes: LifetimeConfig;
  /** Of the client authentication. Undefined: a secret. */
  method?: ClientAuthMethod | undefined;
};

export type ProviderTokens = {
  /** The gateway's own token, for upstreams with token mode `client`. @throws GatewayError provider_unavailable */
  clientCredentials(target: TokenTarget): Promise<TokenGrant>;
  /** @throws GatewayError forbidden (the provider denies this user the token) | provider_unavailable */
  exchangeToken(subject: AccessToken, target: TokenTarget): Promise<TokenGrant>;
};

export function createProviderTokens({
  connect,
  dpop,
  bindingError,
  defaultTarget,
  lifetimes,
  method,
}: Dependencies): ProviderTokens {
  // A circuit breaker of its own: failed exchanges must not prevent refreshes.
  const breaker = createKeyedBreaker({ failuresToOpen: 3, probeEveryMs: 1_000 });
  /** @param key of the circuit: the target, for an exchange also the user */
  const requestToken = async (
    { key, proofKey }: { key: string; proofKey: ProofKey | undefined },
    request: (configuration: oidc.Configuration, options: DpopOptions) => Promise<oidc.TokenEndpointResponse>,
  ): Promise<TokenGrant> => {
    const { configuration } = await connect();
    if (breaker.isOpen(key))
      throw new GatewayError("provider_unavailable", { reason: "circuit open: provider failed repeatedly" });
    try {
      const response = await request(configuration, await dpop.options(configuration, proofKey));
      breaker.report(key, true);
      const problem = await bindingError(response.access_token, proofKey);
      if (problem !== undefined) throw new GatewayError("provider_unavailable", { reason: rejectedTokens(problem) });
      return { ...grantOf(response, lifetimes), proofKey };
    } catch (error) {
      breaker.report(key, error instanceof GatewayError || isProviderResponse(error));
      throw error;
    }
  };
  return {
    clientCredentials: (target) =>
      requestToken({ key: JSON.stringify(target), proofKey: dpop.ownKey() }, (configuration, options) => {
        const parameters = Object.keys(target).length === 0 ? defaultTarget : target;
        return oidc.clientCredentialsGrant(configuration, { ...parameters }, options);
      }).catch((error: unknown) => (error instanceof GatewayError ? rethrow(error) : throwUnavailable(error, method))),
    exchangeToken({ accessToken, proofKey: ofSession }, target) {
      const key = `${JSON.stringify(target)} ${hash("sha256", accessToken, "base64url")}`;
      // The session's key, which the provider compares with the binding of the subject token.
      const proofKey = dpop.ownKey() === undefined ? undefined : (ofSession ?? dpop.ownKey());
      return requestToken({ key, proofKey }, async (configuration, options) => {
        requireExchange(configuration, target);
        const parameters = {
          ...target,
          subject_token: accessToken,
          subject_token_type: ACCESS_TOKEN,
          requested_token_type: ACCESS_TOKEN,
        };
        const response = await oidc.genericGrantRequest(configuration, TOKEN_EXCHANGE, parameters, options);
        requireAccessToken(response, target);
        return response;
      }).catch((error: unknown) => throwExchangeError(error, target, method));
    },
  };
}

type DpopOptions = { DPoP?: oidc.DPoPHandle };

type LifetimeConfig = Pick<ProviderConfig, "assumedLifetimeSeconds">;

export function grantOf(response: oidc.TokenEndpointResponse, { assumedLifetimeSeconds }: LifetimeConfig): TokenGrant {
  return {
    accessToken: response.access_token,
    refreshToken: response.refresh_token,
    idToken: response.id_token,
    expiresInSeconds: response.expires_in,
    assumedSeconds: ownLifetime(response.access_token, Date.now() / 1000) ?? assumedLifetimeSeconds,
    scope: response.scope,
    refreshExpiresInSeconds: refreshExpiresIn(response["refresh_expires_in"]),
  };
}

/** 0: an offline token, which does not expire (Keycloak). provider-response.ts has checked the number. */
function refreshExpiresIn(seconds: unknown): number | undefined {
  return typeof seconds === "number" && seconds > 0 ? seconds : undefined;
}

function rethrow(error: GatewayError): never {
  throw error;
}

/** Checked by metadata: providers send `unsupported_grant_type` also for a client without permission. */
function requireExchange(configuration: oidc.Configuration, target: TokenTarget): void {
  const offered = configuration.serverMetadata().grant_types_supported;
  if (offered !== undefined && !offered.includes(TOKEN_EXCHANGE))
    throw new GatewayError("provider_unavailable", {
      reason: `a token for ${nameOf(target)} needs token exchange (RFC 8693), which the provider does not offer. Switch it on there, or remove the key from the upstream's row`,
    });
}

/** RFC 8693 §2.2.1: the issued token may be of another type. */
function requireAccessToken(response: oidc.TokenEndpointResponse, target: TokenTarget): void {
  const type = response["issued_token_type"];
  const isAccess = type === undefined || type === ACCESS_TOKEN || type === "urn:ietf:params:oauth:token-type:jwt";
  if (!isAccess)
    throw new GatewayError("provider_unavailable", {
      reason: `the token issued for ${nameOf(target)} is not an access token`,
    });
}

function throwExchangeError(error: unknown, target: TokenTarget, method?: ClientAuthMethod): never {
  if (error instanceof GatewayError) throw error;
  if (!(error instanceof oidc.ResponseBodyError) || error.status >= 500) throwUnavailable(error, method);
  const reason = `provider rejected the token request for ${nameOf(target)}: ${wordOf(error.error)}`;
  if (rowOf("tokenExchange", { code: error.error, status: error.status }).outcome === "forbidden")
    throw new GatewayError("forbidden", { cause: error, reason });
  // A configuration error: the session is kept (I5).
  throw new GatewayError("provider_unavailable", {
    cause: error,
    reason: `${reason}. Compare audience, resource and scope of the upstream's row with what the client of OIDC_CLIENT_ID may exchange there`,
  });
}

/** From the configuration, so it contains no secret. */
function nameOf({ audience, resource, scope }: TokenTarget): string {
  return audience ?? resource ?? `scope ${scope ?? ""}`;
}
