// Mutants of identity headers and rate limits.
import type { Mutant } from "./mutants.ts";

const VALUES = ["test/headers/claim-value.test.ts"];
const HEADERS = ["test/headers/identity-headers.integration.test.ts"];
const CONFIG = ["test/config/identity-headers.test.ts"];
const COUNTS = ["test/store/rate-limits.integration.test.ts"];
const LIMITS = ["test/proxy/rate-limit.integration.test.ts"];

export const IDENTITY_MUTANTS: readonly Mutant[] = [
  {
    breaks: "identity headers: a copy in another spelling reaches the upstream",
    file: "src/headers/header-names.ts",
    find: 'return name.toLowerCase().replace(/[^a-z0-9]/g, "");',
    replace: "return name.toLowerCase();",
    tests: HEADERS,
  },
  {
    breaks: "identity headers: copies are removed only on rows that configure the header",
    file: "src/upstream/upstreams.ts",
    find: "ownNames: new Set([...identity, ",
    replace: "ownNames: new Set([...identityNames([config]), ",
    tests: HEADERS,
  },
  {
    breaks: "identity headers: the header of an absent claim is missing",
    file: "src/headers/identity-headers.ts",
    find: "headers.flatMap((header) => [header.name, valueOf(claims, header)])",
    replace:
      "headers.flatMap((header) => (valueOf(claims, header) === '' ? [] : [header.name, valueOf(claims, header)]))",
    tests: HEADERS,
  },
  {
    breaks: "identity headers: anonymous requests have none",
    file: "src/headers/identity-headers.ts",
    find: 'const anonymous = headers.flatMap(({ name }) => [name, ""]);',
    replace: "const anonymous: string[] = [];",
    tests: HEADERS,
  },
  {
    breaks: "I3: identity headers are computed once for all users",
    file: "src/headers/identity-headers.ts",
    find: "computed.set(claims, list);",
    replace: "computed.get = () => list;",
    tests: HEADERS,
  },
  {
    breaks: "identity headers: the request that waits for a refresh has the old claims",
    file: "src/proxy/authorize.ts",
    find: "isRenewed ? renewedUse(found, upstream) : usedBy(found, upstream)",
    replace: "usedBy(found, upstream)",
    tests: HEADERS,
  },
  {
    breaks: "identity headers: userinfo is not requested for a missing claim",
    file: "src/provider/userinfo.ts",
    find: "lacksIdentity(claims) || lacksProfile",
    replace: "lacksProfile",
    tests: HEADERS,
  },
  {
    breaks: "identity headers: a line break is sent",
    file: "src/headers/claim-value.ts",
    find: "if (CONTROL.test(text))",
    replace: "if (text === CONTROL.source)",
    tests: VALUES,
  },
  {
    breaks: "identity headers: an element with the separator becomes two elements",
    file: "src/headers/claim-value.ts",
    find: 'if (separator !== "" && text.includes(markOf(separator)))',
    replace: 'if (separator === "never")',
    tests: VALUES,
  },
  {
    breaks: "identity headers: a single text is not checked like the element of a list",
    file: "src/headers/claim-value.ts",
    find: 'return rules.format === "list" ? listValue([claim], rules) : scalarValue(claim, rules, "");',
    replace: 'return scalarValue(claim, rules, "");',
    tests: VALUES,
  },
  {
    breaks: "identity headers: two users with rounded numbers have one identity",
    file: "src/headers/claim-value.ts",
    find: "return !Number.isInteger(number) || Number.isSafeInteger(number);",
    replace: "return Number.isFinite(number);",
    tests: VALUES,
  },
  {
    breaks: "identity headers: a value of any length is sent",
    file: "src/headers/identity-headers.ts",
    find: "found.value.length > header.maxBytes",
    replace: "found.value.length > header.maxBytes * 1_000",
    tests: HEADERS,
  },
  {
    breaks: "identity headers: a row lists an identity header of another row in requestHeaders",
    file: "src/config/identity-headers.ts",
    find: "const other = all.get(comparableName(name));",
    replace: "const other = own.get(comparableName(name));",
    tests: CONFIG,
  },
  {
    breaks: "rate limit: more requests than the limit are admitted",
    file: "src/store/redis/redis-scripts.ts",
    find: "if left < limit then break end",
    replace: "if left <= limit then break end",
    tests: COUNTS,
  },
  {
    breaks: "rate limit: a rejected request is counted for the limits that admit it",
    file: "src/store/redis/redis-scripts.ts",
    find: "if not admitted then return reply end\n",
    replace: "",
    tests: COUNTS,
  },
  {
    breaks: "rate limit: a clock that was set back blocks a user for an hour",
    file: "src/store/redis/redis-scripts.ts",
    find: "math.min(tonumber(last), now), tonumber(count)",
    replace: "tonumber(last), tonumber(count)",
    tests: COUNTS,
  },
  {
    breaks: "rate limit: every request notifies all instances (tracked keys)",
    file: "src/store/redis/redis-names.ts",
    find: "`${prefix}rate:{${scope}}:${kind}:${hash}`",
    replace: "`${tagged}${scope}}:rate-${kind}:${hash}`",
    tests: COUNTS,
  },
  {
    breaks: "rate limit: each address of an IPv6 host has a quota of its own",
    file: "src/http/address-network.ts",
    find: 'return `${before.slice(0, 4).join(":")}::/64`;',
    replace: "return address;",
    tests: LIMITS,
  },
  {
    breaks: "rate limit: requests that are not authorized count for no address",
    file: "src/proxy/rate-limit.ts",
    find: "(error.status === 401 || error.status === 403)",
    replace: "error.status === 0",
    tests: LIMITS,
  },
  {
    breaks: "rate limit: an outage of Redis removes the limits",
    file: "src/proxy/rate-limit.ts",
    find: "shared ?? countAlone(scope, policies)",
    replace: "shared ?? policies.map(() => NOTHING_COUNTED)",
    tests: LIMITS,
  },
];
