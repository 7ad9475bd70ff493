// Mutants of token introspection (RFC 7662), of DPoP-bound tokens on their way through the gateway, and of the connections that
// clients keep open.
import { bearerRule } from "./bearer-mutants.ts";
import type { Mutant } from "./mutants.ts";

const INTROSPECTION = "src/provider/introspection.ts";
const RESPONSES = ["test/proxy/bearer-introspection.integration.test.ts"];

const OF_INTROSPECTION: readonly Mutant[] = [
  bearerRule(
    "an inactive token is accepted",
    INTROSPECTION,
    ['if (received["active"] !== true)', 'if (received["active"] === undefined)'],
    RESPONSES,
  ),
  bearerRule(
    "an introspected token for another audience is accepted",
    INTROSPECTION,
    ["    targetError(response, rules) ??\n", ""],
    RESPONSES,
  ),
  bearerRule(
    "an introspected refresh token is accepted",
    INTROSPECTION,
    ["    typeError(response) ??\n", ""],
    RESPONSES,
  ),
  bearerRule(
    "an introspected token of another issuer is accepted",
    INTROSPECTION,
    ["const problem =\n    issuerProblem ??\n", "void issuerProblem;\n  const problem =\n"],
    RESPONSES,
  ),
  bearerRule(
    "an introspected token of type DPoP is a bearer token",
    INTROSPECTION,
    [
      "if (isDpopType(response) && confirmation.jkt === undefined)",
      'if (isDpopType(response) && confirmation.jkt === "")',
    ],
    RESPONSES,
  ),
  bearerRule(
    "a token is kept longer than its exp",
    "src/provider/verdict-cache.ts",
    ["Math.min(now() + cacheMs, verdict.token.expiresAtMs)", "now() + cacheMs"],
    RESPONSES,
  ),
  bearerRule(
    "invented tokens open the circuit of the introspection",
    INTROSPECTION,
    ["if (isRejectedToken(error)) return", "if (error === undefined) return"],
    RESPONSES,
  ),
  bearerRule(
    "a failing introspection endpoint gets a request per token",
    INTROSPECTION,
    ["if (breaker.isOpen()) throw", "if (breaker.failures() < 0) throw"],
    RESPONSES,
  ),
  bearerRule(
    "the tokens of one client open the circuit of the introspection",
    INTROSPECTION,
    ["if (isResponse(error)) await probe();\n        else report({ error });", "report({ error });"],
    RESPONSES,
  ),
  bearerRule(
    "one client address uses all slots of the introspection",
    INTROSPECTION,
    ["max: MAX_IN_FLIGHT_PER_ADDRESS", "max: MAX_IN_FLIGHT"],
    RESPONSES,
  ),
  bearerRule(
    "each IPv6 address of a client has its own slots of the introspection",
    "src/proxy/bearer.ts",
    ["networkOf(clientAddress(request, trustedProxies))", "clientAddress(request, trustedProxies)"],
    RESPONSES,
  ),
  bearerRule(
    "a JWT with a wrong signature is introspected",
    "src/provider/bearer-tokens.ts",
    ['(!isSigned || row.introspection?.tokens === "all")', "row.introspection !== undefined"],
    RESPONSES,
  ),
];

const OF_BOUND_TOKENS: readonly Mutant[] = [
  bearerRule(
    "the proof of a bound token is not required",
    "src/proxy/bearer.ts",
    ["return jkt === undefined || state === undefined\n", "return jkt === undefined || state !== null\n"],
    ["test/proxy/bearer-dpop.integration.test.ts"],
  ),
  bearerRule(
    "a proof is used once per instance",
    "src/proxy/bearer-validation.ts",
    [
      'store.markUsed("dpop-proof", hash, ttlMs)',
      'store.markUsed("dpop-proof", hash + process.hrtime.bigint(), ttlMs)',
    ],
    ["test/proxy/bearer-dpop.integration.test.ts"],
  ),
  bearerRule(
    "the proof of an unbound token is forwarded",
    "src/proxy/bearer.ts",
    ['const isForwarded = scheme === "DPoP" && ', "const isForwarded = scheme !== undefined && "],
    ["test/proxy/bearer-dpop.integration.test.ts"],
  ),
];

const OF_OPEN_CONNECTIONS: readonly Mutant[] = [
  bearerRule(
    "an event stream of a client outlives its token",
    "src/proxy/open-responses.ts",
    ["else if (token !== undefined)", "else if (token === null)"],
    ["test/proxy/open-responses.integration.test.ts"],
  ),
  bearerRule(
    "a download of a client is aborted when its token expires",
    "src/proxy/open-responses.ts",
    ["else if (open.sessionKey !== undefined && !(", "else if (!("],
    ["test/proxy/open-responses.integration.test.ts"],
  ),
  bearerRule(
    "an open connection is closed by the periodic check only",
    "src/proxy/token-watch.ts",
    ["Math.max(0, untilMs - now()) + TIMER_TOLERANCE_MS", "Infinity"],
    ["test/proxy/token-watch.test.ts"],
  ),
  bearerRule(
    "an outage keeps open connections of expired tokens",
    "src/proxy/token-watch.ts",
    ["now() < untilMs ? undefined : expired()", "undefined"],
    ["test/proxy/token-watch.test.ts"],
  ),
  bearerRule(
    "the limit on introspections closes open connections",
    "src/proxy/token-watch.ts",
    [' && error.code !== "too_many_requests"', ""],
    ["test/proxy/token-watch.test.ts"],
  ),
];

export const INTROSPECTION_MUTANTS: readonly Mutant[] = [
  ...OF_INTROSPECTION,
  ...OF_BOUND_TOKENS,
  ...OF_OPEN_CONNECTIONS,
];
