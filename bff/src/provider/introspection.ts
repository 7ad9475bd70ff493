// Token introspection (RFC 7662): asks the provider whether an opaque access token is valid, with a cache, one request per
// token at a time, limits on concurrent requests, and a circuit breaker.
import { hash, randomBytes } from "node:crypto";
import * as oidc from "openid-client";
import type { ClientAuthMethod } from "../config/client-auth-settings.ts";
import { GatewayError } from "../errors.ts";
import { createBreaker } from "../lib/circuit-breaker.ts";
import { acquireQuota, createInFlight, createInFlightTable } from "../lib/in-flight.ts";
import { singleFlight } from "../lib/single-flight.ts";
import {
  accepted,
  clientOf,
  confirmationOf,
  isSubject,
  kindError,
  originError,
  rejected,
  targetError,
  timeError,
  type BearerRules,
  type Claims,
  type TokenVerdict,
} from "./bearer-claims.ts";
import type { ClientConfiguration } from "./client-configuration.ts";
import { failureOf, gatewayErrorOf, reasonOf, rejectedResponse, statusOf } from "./provider-errors.ts";
import { createVerdictCache } from "./verdict-cache.ts";

/** At most this many requests to the endpoint at a time: any client can send tokens that are not in the cache. */
const MAX_IN_FLIGHT = 64;
/** Of these, at most this many for one client address, so that the tokens of one client do not delay those of others. */
const MAX_IN_FLIGHT_PER_ADDRESS = 16;
const BREAKER = { failuresToOpen: 3, probeEveryMs: 1_000 };
/** After a successful probe: error responses to clients' tokens cause no other one. */
const PROVEN_MS = 1_000;

export type IntrospectionOptions = {
  connect: () => Promise<Pick<ClientConfiguration, "introspecting">>;
  /** Undefined: `introspection_endpoint` of the metadata. */
  endpoint: string | undefined;
  /** A revoked token is accepted for at most this time after its last introspection. */
  cacheMs: number;
  rules: BearerRules;
  /** Of the client authentication, for sentences. */
  method: ClientAuthMethod | undefined;
  now?: () => number;
};

export type Introspection = {
  /**
   * @param addressOf the client address that the request counts for. Not called for a token that is being introspected
   * @throws GatewayError too_many_requests | provider_unavailable
   */
  introspect(token: string, key: string, addressOf: () => string): Promise<TokenVerdict>;
  /** @returns the verdict if it is cached */
  cached(key: string): TokenVerdict | undefined;
  /** For readiness: sends a probe while the endpoint has not responded. @returns one sentence while it cannot be used */
  check(): Promise<string | undefined>;
};

export function createIntrospection(options: IntrospectionOptions): Introspection {
  const { cacheMs, now = Date.now } = options;
  const verdicts = createVerdictCache({ cacheMs, now });
  const acquireSlot = createSlots();
  const { breaker, ask, check, fault } = createEndpoint((token) => request(token, options, now), options);

  const introspect = singleFlight(
    async (token: string, key: string, addressOf: () => string): Promise<TokenVerdict> => {
      const release = acquireSlot(addressOf());
      try {
        if (breaker.isOpen()) throw unavailable(`circuit open: ${fault() ?? "introspection failed repeatedly"}`);
        const verdict = await ask(token);
        verdicts.set(key, verdict);
        return verdict;
      } finally {
        release();
      }
    },
    (_token, key) => key,
  );
  return { introspect, cached: verdicts.get, check };
}

/** @returns a function that acquires a slot and returns its release. It throws too_many_requests or provider_unavailable */
function createSlots() {
  const total = createInFlight();
  const addresses = createInFlightTable();
  return (address: string): (() => void) =>
    acquireQuota([
      {
        counter: addresses.of(address),
        max: MAX_IN_FLIGHT_PER_ADDRESS,
        error: () =>
          new GatewayError("too_many_requests", {
            reason: `${MAX_IN_FLIGHT_PER_ADDRESS} tokens of this client address are being introspected`,
            retryAfterSeconds: 1,
          }),
      },
      {
        counter: total,
        max: MAX_IN_FLIGHT,
        error: () => unavailable("too many tokens are being introspected"),
      },
    ]);
}

/**
 * The endpoint with its circuit breaker. An error response to a client's token does not count as a failure, since any
 * client can cause it with a token of its own: a probe with an invented token decides.
 */
function createEndpoint(send: (token: string) => Promise<TokenVerdict>, options: IntrospectionOptions) {
  const breaker = createBreaker(BREAKER);
  const probeToken = randomBytes(16).toString("base64url");
  let fault: string | undefined;
  let isTried = false;
  let provenUntilMs = 0;

  const report = (outcome: { error: unknown } | undefined): void => {
    isTried = true;
    fault = outcome && sentenceOf(outcome.error, options);
    if (outcome !== undefined) provenUntilMs = 0;
    breaker.report(outcome === undefined);
  };
  const probe = singleFlight(async (): Promise<void> => {
    if (performance.now() < provenUntilMs) return;
    try {
      await send(probeToken);
      report(undefined);
      provenUntilMs = performance.now() + PROVEN_MS;
    } catch (error) {
      report({ error });
    }
  });
  return {
    breaker,
    fault: () => fault,
    /** @throws GatewayError provider_unavailable */
    async ask(token: string): Promise<TokenVerdict> {
      try {
        const verdict = await send(token);
        report(undefined);
        return verdict;
      } catch (error) {
        if (isResponse(error)) await probe();
        else report({ error });
        throw unavailable(sentenceOf(error, options), error);
      }
    },
    async check(): Promise<string | undefined> {
      if ((!isTried || fault !== undefined) && breaker.acquireProbe()) await probe();
      return fault;
    },
  };
}

async function request(token: string, options: IntrospectionOptions, now: () => number): Promise<TokenVerdict> {
  const { connect, endpoint, rules } = options;
  const connection = await connect();
  const configuration = await connection.introspecting(endpoint);
  if (configuration.serverMetadata().introspection_endpoint === undefined)
    throw unavailable(
      "the provider's metadata has no introspection_endpoint. Set bearer.introspection.endpoint in the row, or remove bearer.introspection",
    );
  try {
    const response = await oidc.tokenIntrospection(configuration, token, { token_type_hint: "access_token" });
    return verdictOf(response, rules, now());
  } catch (error) {
    // Not a failure of the endpoint: any client can send a token that the provider cannot read.
    if (isRejectedToken(error)) return rejected("the provider cannot read it");
    throw error;
  }
}

function isRejectedToken(error: unknown): boolean {
  const failure = failureOf(error);
  return failure?.status === 400 && /^(invalid_request|invalid_token|unsupported_token_type)$/.test(failure.code);
}

/** Whether the endpoint has responded: with an error status, or with a body that is no introspection response. */
function isResponse(error: unknown): boolean {
  const { code = "" } = error instanceof oidc.ClientError ? error : {};
  const isMalformed = /^OAUTH_(PARSE_ERROR|INVALID_RESPONSE|RESPONSE_|JWT_)/.test(code);
  return isMalformed || statusOf(error) !== undefined || rejectedResponse(error) !== undefined;
}

/** The response describes an access token of this API that is valid now, or the token is rejected. */
function verdictOf(received: Claims, rules: BearerRules, nowMs: number): TokenVerdict {
  if (received["active"] !== true) return rejected("the provider reports it as inactive");
  const { active: _active, ...response } = withoutNull(received);
  // OPTIONAL (RFC 7662 §2.2).
  const issuerProblem = response["iss"] === undefined ? undefined : originError(response, rules);
  const problem =
    issuerProblem ??
    typeError(response) ??
    targetError(response, rules) ??
    kindError(response, true, rules) ??
    timeError(response, rules, nowMs);
  if (problem !== undefined) return rejected(problem);
  const confirmation = confirmationOf(response);
  if ("fault" in confirmation) return rejected(confirmation.fault);
  if (isDpopType(response) && confirmation.jkt === undefined)
    return rejected("its token_type is DPoP, and the response has no cnf.jkt");
  const { sub, exp, iss } = response;
  // A client without a user is its own subject (RFC 9068 §2.2).
  const subject = sub ?? clientOf(response);
  if (!isSubject(subject)) return rejected("the introspection response has neither sub nor client_id");
  return accepted({
    ...{ claims: response, subject, jkt: confirmation.jkt },
    issuer: typeof iss === "string" ? iss : rules.issuers.issuer,
    expiresAtMs: typeof exp === "number" ? exp * 1000 : Infinity,
  });
}

/** Some providers send null for a member that a token does not have. */
function withoutNull(response: Claims): Claims {
  return Object.fromEntries(Object.entries(response).filter(([, value]) => value !== null));
}

const isDpopType = ({ token_type: type }: Claims): boolean => typeof type === "string" && /^dpop$/i.test(type);

/** Types of RFC 6749 §7.1. Some providers name the token instead (RFC 8693 §3). */
function typeError({ token_type: type }: Claims): string | undefined {
  if (type === undefined) return undefined;
  const isKnown = typeof type === "string" && /^(bearer|dpop|access_token)$/i.test(type);
  return isKnown ? undefined : "its token_type is not Bearer or DPoP";
}

function sentenceOf(error: unknown, { method }: IntrospectionOptions): string {
  const own = gatewayErrorOf(error);
  return own === undefined
    ? `the introspection endpoint of the provider does not respond as expected: ${reasonOf(error, "introspection", method)}`
    : (own.reason ?? own.code);
}

function unavailable(reason: string, cause?: unknown): GatewayError {
  return new GatewayError("provider_unavailable", { reason, cause });
}

/** The key of a token in caches: the token itself is not kept in memory (I1). */
export function tokenKey(token: string): string {
  return hash("sha256", token, "base64url");
}
