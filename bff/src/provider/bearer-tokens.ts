// Validation of the access tokens that clients bring to one upstream row: JWTs with a cache, opaque tokens by introspection.
import type { BearerConfig } from "../config/bearer-row.ts";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { createBreaker } from "../lib/circuit-breaker.ts";
import { FifoCache } from "../lib/fifo-cache.ts";
import type { MaybePromise } from "../lib/maybe-promise.ts";
import { singleFlight } from "../lib/single-flight.ts";
import { rejected, type BearerRules, type TokenVerdict } from "./bearer-claims.ts";
import { isJwt, verifyBearerJwt } from "./bearer-token.ts";
import { createIntrospection, tokenKey } from "./introspection.ts";
import { errors } from "jose";
import type { ProviderConnection } from "./provider-connection.ts";
import { createTokenVerifiers, type TokenVerifiers } from "./provider-keys.ts";

/** RFC 6750 §2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
/** Half of the accepted request head. */
const MAX_TOKEN_CHARS = 8_192;
const MAX_CACHED = 10_000;
/** After this time the signature is verified again, so that a key that the provider has withdrawn is not used longer. */
const VERIFIED_MS = 300_000;
const FAULT_MS = 60_000;
const BREAKER = { failuresToOpen: 3, probeEveryMs: 1_000 };

export type BearerTokens = {
  /**
   * Synchronous if the token is cached.
   * @param addressOf the client address that an introspection counts for
   * @throws GatewayError provider_unavailable if neither keys nor the introspection endpoint can be used
   * @throws GatewayError too_many_requests if too many tokens of the client address are being introspected
   */
  validate(token: string, addressOf: () => string): MaybePromise<TokenVerdict>;
  /** @returns one sentence while tokens cannot be validated */
  check(): Promise<string | undefined>;
};

type Dependencies = { config: ProviderConfig; connect: ProviderConnection; now?: () => number };

export function createBearerTokens(row: BearerConfig, { config, connect, now = Date.now }: Dependencies): BearerTokens {
  const rules = rulesOf(row, config);
  const { verifyBearer, hasKeyOf } = createVerify(row, { config, connect });
  const keysBreaker = createBreaker(BREAKER);
  const verified = new FifoCache<string, { verdict: TokenVerdict; untilMs: number }>(MAX_CACHED);
  const introspection =
    row.introspection === undefined
      ? undefined
      : createIntrospection({
          ...{ connect, rules, now, endpoint: row.introspection.endpoint, method: config.clientAuth.method },
          cacheMs: row.introspection.cacheSeconds * 1000,
        });
  /** Of the keys. Without requests with tokens nothing shows that they can be fetched again, so it is reported for a time. */
  let fault: { reason: string; untilMs: number } | undefined;

  const verifyJwt = singleFlight(
    async (token: string, key: string): Promise<TokenVerdict> => {
      // Any client can open the circuit in an outage, with invented key ids. Tokens whose keys are known need no request.
      if (keysBreaker.isOpen() && !hasKeyOf(token))
        throw unavailable(`circuit open: ${fault?.reason ?? "the keys cannot be fetched"}`);
      try {
        const nowMs = now();
        const verdict = await verifyBearerJwt(token, verifyBearer, { ...rules, ...pick(row), nowMs });
        keysBreaker.report(true);
        fault = undefined;
        if (verdict.kind === "accepted") {
          const untilMs = Math.min(verdict.token.expiresAtMs + row.clockSkewSeconds * 1000, nowMs + VERIFIED_MS);
          verified.set(key, { verdict, untilMs });
        }
        return verdict;
      } catch (error) {
        // Any client can send tokens with invented key ids: that is no outage.
        if (!isUnknownKey(error)) {
          keysBreaker.report(false);
          const reason = error instanceof GatewayError ? (error.reason ?? error.code) : "the keys cannot be used";
          fault = { reason, untilMs: now() + FAULT_MS };
        }
        throw error;
      }
    },
    (_token, key) => key,
  );

  return {
    validate(token, addressOf) {
      if (token.length > MAX_TOKEN_CHARS) return rejected("it is longer than the limit");
      const key = tokenKey(token);
      const known = verified.get(key);
      if (known !== undefined && known.untilMs > now()) return known.verdict;
      if (!TOKEN.test(token)) return rejected("it has characters that no access token has (RFC 6750 §2.1)");
      const isSigned = isJwt(token);
      if (introspection !== undefined && (!isSigned || row.introspection?.tokens === "all"))
        return introspection.cached(key) ?? introspection.introspect(token, key, addressOf);
      if (!isSigned) return rejected("it is not a JWT, and the row has no bearer.introspection");
      return verifyJwt(token, key);
    },
    async check() {
      const isCurrent = fault !== undefined && now() < fault.untilMs;
      return (await introspection?.check()) ?? (isCurrent ? fault?.reason : undefined);
    },
  };
}

function rulesOf(row: BearerConfig, config: ProviderConfig): BearerRules {
  const { audience, clientIds, clockSkewSeconds } = row;
  const issuers =
    row.issuer === undefined
      ? { issuer: config.issuer, tenants: config.tenants }
      : { issuer: row.issuer, tenants: undefined };
  return { issuers, audiences: audience, clientIds, ownClientId: config.clientId, clockSkewSeconds };
}

const pick = ({ algorithms, typ }: BearerConfig) => ({ algorithms, typ });

/** The provider's key set, in one cache with the keys of its ID tokens, or the row's. */
function createVerify(
  { jwksUri }: BearerConfig,
  { config, connect }: Pick<Dependencies, "config" | "connect">,
): Pick<TokenVerifiers, "verifyBearer" | "hasKeyOf"> {
  if (jwksUri !== undefined)
    return createTokenVerifiers(jwksUri, { fetch: connect.fetch, timeoutMs: config.timeoutMs });
  return {
    verifyBearer: async (jwt, options) => (await connect()).verifyBearer(jwt, options),
    hasKeyOf: (jwt) => connect.known()?.hasKeyOf(jwt) === true,
  };
}

function isUnknownKey(error: unknown): boolean {
  return error instanceof GatewayError && error.cause instanceof errors.JWKSNoMatchingKey;
}

function unavailable(reason: string): GatewayError {
  return new GatewayError("provider_unavailable", { reason });
}
