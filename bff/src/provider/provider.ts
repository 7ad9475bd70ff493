// OpenID Connect client: authorization requests, token requests, logout, logout tokens, health.
import type { JWK } from "jose";
import type { ProviderConfig } from "../config/config.ts";
import type { BearerConfig } from "../config/bearer-row.ts";
import type { ClientCertificate } from "../config/client-auth-settings.ts";
import { GatewayError } from "../errors.ts";
import type { Log } from "../logging/log.ts";
import { createThrottledLog } from "../logging/throttled-log.ts";
import { createAuthorizationRequests, type AuthorizationRequests } from "./authorization-request.ts";
import { createAuthorizationResponses, type AuthorizationResponses } from "./authorization-response.ts";
import { createBearerTokens, type BearerTokens } from "./bearer-tokens.ts";
import { createClockSkew } from "./clock-skew.ts";
import { createDpop } from "./dpop.ts";
import { createDpopNonces } from "./dpop-nonces.ts";
import { createConfigurationErrors } from "./configuration-errors.ts";
import { createEndSession, type EndSession } from "./end-session.ts";
import { isDirectedAt, verifyLogoutToken, type LogoutToken } from "./logout-token.ts";
import { createBindingError } from "./token-binding.ts";
import { createProviderConnection, type ProviderConnection } from "./provider-connection.ts";
import type { ProviderFailure, Row } from "./provider-errors.ts";
import { createProviderTokens, type ProviderTokens } from "./provider-tokens.ts";
import { createUserinfo } from "./userinfo.ts";
import { createMissingClaimsWarning } from "./missing-claims.ts";
import { createUserTokens, type UserTokens } from "./user-tokens.ts";

export type Provider = Pick<AuthorizationRequests, "authorizationUrl" | "registrationAlarm"> &
  AuthorizationResponses &
  UserTokens &
  ProviderTokens &
  EndSession & {
    /**
     * Whether an authorization response must contain `iss` (RFC 9207, OIDC_RESPONSE_ISS).
     * @throws GatewayError provider_unavailable
     */
    requiresResponseIss(): Promise<boolean>;
    /** Always sends a request, unlike `outage`, which is cached. */
    isReachable(): Promise<boolean>;
    /** Whether the unverified token names this registration: its issuer and client id. */
    mayAccept(jwt: string): boolean;
    /** @throws GatewayError request_malformed | provider_unavailable */
    verifyLogoutToken(jwt: string): Promise<LogoutToken>;
    /**
     * @returns undefined once discovery and one authorization request have succeeded, otherwise one sentence with the
     * setting and the cure
     */
    check(): Promise<string | undefined>;
    /** Validation of the access tokens that clients bring to a row. */
    bearerTokens(row: BearerConfig): BearerTokens;
    /** @returns undefined while the provider responds, otherwise one sentence. Cached for up to ten seconds. */
    outage(): Promise<string | undefined>;
    /**
     * Public keys of the client, for the provider.
     * @returns undefined if neither client authentication nor signed requests use keys
     * @throws GatewayError provider_unavailable if a file cannot be used
     */
    publicKeys(): Promise<JWK[] | undefined>;
    /** The client's certificate, if access tokens are bound to it; throws while its files have never been valid. */
    boundCertificate: (() => ClientCertificate) | undefined;
    /** @returns one sentence while the last valid content of a certificate, key or secret file is used, or it has expired */
    fileAlarm(): string | undefined;
    /** @returns the row of the table for an error in an authorization response; rejected settings are reported in /readyz */
    authorizationError(failure: ProviderFailure): Row;
    /** @returns one sentence with the cure while the provider rejects a setting of the running gateway */
    configurationAlarm(): string | undefined;
    /** @returns one sentence with the cure while the provider's clock differs from ours by more than 10 s */
    clockAlarm(): string | undefined;
  };

export type { EndSessionRequest } from "./end-session.ts";
export type { LogoutToken } from "./logout-token.ts";

type Options = { config: ProviderConfig; publicOrigin: string; log: Pick<Log, "info" | "warn" | "error"> };

/** At most one line per minute: a wrong configuration would log one at every login. */
const USERINFO_LOG_EVERY_MS = 60_000;

const CALLBACK_PATH = "/bff/callback";
const LOGOUT_RETURN_PATH = "/bff/logout/return";

export function createProvider({ config, publicOrigin, log }: Options): Provider {
  const nonces = createDpopNonces();
  const connect = createProviderConnection(config, { log, nonces });
  const dpop = createDpop({ config, nonces });
  const { certificate } = connect.client;
  const bindingError = createBindingError({ demanded: config.senderConstrained, certificate });
  const clock = createClockSkew();
  const faults = createConfigurationErrors(log, config.clientAuth.method);
  const resource = config.resource === undefined ? {} : { resource: config.resource };
  const userinfo = createUserinfo({ config, faults, onIgnored: warnIgnoredUserinfo(log) });
  const shared = {
    config,
    connect,
    dpop,
    bindingError,
    clock,
    userinfo,
    warnMissingClaims: createMissingClaimsWarning({ config, log }),
    resource,
    faults,
    redirectUri: publicOrigin + CALLBACK_PATH,
  };
  const { checkRegistration, ...requests } = createAuthorizationRequests({ ...shared, log });
  return {
    ...requests,
    authorizationError: faults.rejected,
    configurationAlarm: faults.alarm,
    ...createAuthorizationResponses(shared),
    ...createUserTokens(shared),
    ...createProviderTokens({
      ...{ connect, dpop, bindingError },
      defaultTarget: resource,
      lifetimes: config,
      method: config.clientAuth.method,
    }),
    ...createEndSession({ config, connect, faults, postLogoutRedirectUri: publicOrigin + LOGOUT_RETURN_PATH }),
    async requiresResponseIss() {
      if (config.responseIss !== "auto") return config.responseIss === "required";
      const { configuration } = await connect();
      return configuration.serverMetadata().authorization_response_iss_parameter_supported === true;
    },
    isReachable: async () => (await connect.probe()) === undefined,
    mayAccept: (jwt) => isDirectedAt(jwt, config),
    async verifyLogoutToken(jwt) {
      const { verify } = await connect();
      const { issuer, tenants, clientId, idTokenAlg: alg, logoutTokenTypRequired: typRequired } = config;
      return verifyLogoutToken(jwt, verify, { issuer, tenants, clientId, alg, typRequired });
    },
    async check() {
      try {
        const connected = await connect();
        await checkRegistration();
        return userinfo.fault(connected);
      } catch (error) {
        return error instanceof GatewayError ? (error.reason ?? error.code) : "the provider cannot be reached";
      }
    },
    bearerTokens: (row) => createBearerTokens(row, { config, connect }),
    outage: connect.outage,
    boundCertificate: config.senderConstrained === "mtls" ? certificate?.current : undefined,
    publicKeys: () => publicKeysOf(connect),
    fileAlarm: connect.alarm,
    clockAlarm: clock.alarm,
  };
}

function warnIgnoredUserinfo(log: Pick<Log, "warn">): (reason: string) => void {
  const throttled = createThrottledLog(USERINFO_LOG_EVERY_MS);
  return (reason) =>
    throttled(() => log.warn("userinfo ignored, logins continue with the claims of the ID token", { reason }));
}

async function publicKeysOf(connect: ProviderConnection) {
  // The metadata selects the algorithm of RSA keys; without it the usual one is published.
  const metadata = (await connect().catch(() => undefined))?.configuration.serverMetadata();
  return connect.client.publicKeys({
    assertion: metadata?.token_endpoint_auth_signing_alg_values_supported,
    request: metadata?.request_object_signing_alg_values_supported,
  });
}
