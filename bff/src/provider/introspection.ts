// Token introspection (RFC 7662): asks the provider whether an opaque access token is valid, with a cache, one request per
// token at a time, and a circuit breaker.
import { hash, randomBytes } from "node:crypto";
import * as oidc from "openid-client";
import type { ClientAuthMethod } from "../config/client-auth-settings.ts";
import { GatewayError } from "../errors.ts";
import { createBreaker } from "../lib/circuit-breaker.ts";
import { FifoCache } from "../lib/fifo-cache.ts";
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
import { failureOf, gatewayErrorOf, reasonOf } from "./provider-errors.ts";

/** Entries of a cache: a few kilobytes each. */
const MAX_CACHED = 10_000;
/** An inactive token does not become active again. Brief, because the provider may replicate a new token late. */
const REJECTED_MS = 5_000;
/** At most this many requests to the endpoint at a time: any client can send tokens that are not in the cache. */
const MAX_IN_FLIGHT = 64;
const BREAKER = { failuresToOpen: 3, probeEveryMs: 1_000 };

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
  /** @throws GatewayError provider_unavailable */
  introspect(token: string, key: string): Promise<TokenVerdict>;
  /** @returns the verdict if it is cached */
  cached(key: string): TokenVerdict | undefined;
  /** For readiness: sends a probe while the endpoint has not responded. @returns one sentence while it cannot be used */
  check(): Promise<string | undefined>;
};

type Cached = { verdict: TokenVerdict; untilMs: number };

export function createIntrospection(options: IntrospectionOptions): Introspection {
  const { cacheMs, now = Date.now } = options;
  // Separate, so that invented tokens do not evict valid ones.
  const valid = new FifoCache<string, Cached>(MAX_CACHED);
  const refused = new FifoCache<string, Cached>(MAX_CACHED);
  const breaker = createBreaker(BREAKER);
  let fault: string | undefined;
  let isTried = false;
  let inFlight = 0;

  const find = (cache: FifoCache<string, Cached>, key: string): TokenVerdict | undefined => {
    const entry = cache.get(key);
    if (entry === undefined) return undefined;
    if (entry.untilMs <= now()) {
      cache.delete(key);
      return undefined;
    }
    // The newest entry, so that tokens in use are evicted last (LRU).
    cache.set(key, entry);
    return entry.verdict;
  };
  const keep = (key: string, verdict: TokenVerdict): void => {
    if (verdict.kind === "rejected") refused.set(key, { verdict, untilMs: now() + REJECTED_MS });
    else valid.set(key, { verdict, untilMs: Math.min(now() + cacheMs, verdict.token.expiresAtMs) });
  };
  /** Sends one request and reports its outcome to the circuit breaker. @throws GatewayError provider_unavailable */
  const ask = async (token: string): Promise<TokenVerdict> => {
    try {
      const verdict = await request(token, options, now);
      breaker.report(true);
      fault = undefined;
      return verdict;
    } catch (error) {
      breaker.report(false);
      fault = sentenceOf(error, options);
      throw unavailable(fault, error);
    } finally {
      isTried = true;
    }
  };
  const introspect = singleFlight(
    async (token: string, key: string): Promise<TokenVerdict> => {
      if (inFlight >= MAX_IN_FLIGHT) throw unavailable("too many tokens are being introspected");
      if (breaker.isOpen()) throw unavailable(`circuit open: ${fault ?? "introspection failed repeatedly"}`);
      inFlight += 1;
      const verdict = await ask(token).finally(() => (inFlight -= 1));
      keep(key, verdict);
      return verdict;
    },
    (_token, key) => key,
  );
  return {
    introspect,
    cached: (key) => find(valid, key) ?? find(refused, key),
    async check() {
      if ((!isTried || fault !== undefined) && breaker.acquireProbe())
        await ask(randomBytes(16).toString("base64url")).catch(() => undefined);
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
    if (isRefusedToken(error)) return rejected("the provider cannot read it");
    throw error;
  }
}

function isRefusedToken(error: unknown): boolean {
  const failure = failureOf(error);
  return failure?.status === 400 && /^(invalid_request|invalid_token|unsupported_token_type)$/.test(failure.code);
}

/** The response describes an access token of this API that is valid now, or the token is refused. */
export function verdictOf(received: Claims, rules: BearerRules, nowMs: number): TokenVerdict {
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
