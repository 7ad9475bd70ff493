// Ways to break forwarding on purpose, and the test that must notice.
import type { Mutant } from "./mutants.ts";

export const PROXY_MUTANTS: readonly Mutant[] = [
  {
    breaks: "retry: a POST is sent twice",
    file: "src/proxy/upstream-fault.ts",
    find: "return !hasBody && IDEMPOTENT.has(method);",
    replace: "return !hasBody;",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "retry: a request is sent again after half an answer",
    file: "src/proxy/upstream-fault.ts",
    find: " && !traces.isAnswered()",
    replace: "",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "retry: a request that broke a fresh connection is sent again",
    file: "src/proxy/upstream-fault.ts",
    find: " && traces.isReused",
    replace: "",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "retry: a request is sent again and again",
    file: "src/proxy/exchange.ts",
    find: "  run.mayRetry = false;\n",
    replace: "",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "breaker: an address that is down is asked by every request",
    file: "src/breaker.ts",
    find: "failures >= failuresToOpen && !takeProbe()",
    replace: "false",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "breaker: an API's own 503 closes it to everybody",
    file: "src/proxy/exchange.ts",
    find: "breakerStatuses.length > 0 && breakerStatuses.includes(status)",
    replace: "status >= 500",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "breaker: a browser can close an API by requests that break their connection",
    file: "src/proxy/upstream-fault.ts",
    find: "if (traces !== undefined || error instanceof GatewayError) return false;",
    replace: "if (error instanceof GatewayError) return false;",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "balance: a write is spent on asking whether an address is back",
    file: "src/proxy/balancer.ts",
    find: "takeProbe(!isRepeatable)",
    replace: "takeProbe(false)",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "breaker: an address that is back stays closed until its first answer comes",
    file: "src/proxy/exchange.ts",
    find: "      reportConnected(parts, run);\n",
    replace: "",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "queue: any number of requests waits for a connection",
    file: "src/proxy/balancer.ts",
    find: "waiting.size >= maxQueued",
    replace: "waiting.size >= Infinity",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "queue: a place is never given back",
    file: "src/proxy/balancer.ts",
    find: "      address.inFlight--;\n",
    replace: "",
    tests: ["test/proxy/addresses.test.ts"],
  },
  {
    breaks: "I3: an exchanged token is shared between users",
    file: "src/tokens/exchanged-token.ts",
    find: `    const name = \`\${key} \${JSON.stringify(target)}\`;
    const known = kept.get(name);
    if (known !== undefined && known.subjectToken === accessToken) return known.token();`,
    replace: `    const name = JSON.stringify(target);
    const known = kept.get(name);
    if (known !== undefined) return known.token();`,
    tests: ["test/proxy/token-exchange.test.ts"],
  },
  {
    breaks: "exchange: a token from before a refresh is spent on",
    file: "src/tokens/exchanged-token.ts",
    find: "known.subjectToken === accessToken",
    replace: "known.subjectToken !== undefined",
    tests: ["test/proxy/token-exchange.test.ts"],
  },
  {
    breaks: "exchange: every waiting request asks the provider",
    file: "src/tokens/kept-token.ts",
    find: "flight ??= renew()",
    replace: "flight = renew()",
    tests: ["test/proxy/token-exchange.test.ts"],
  },
  {
    breaks: "exchange: a provider that refuses is asked by every request",
    file: "src/tokens/kept-token.ts",
    find: "if (failure !== undefined && now() < failure.untilMs) throw failure.error;",
    replace: "",
    tests: ["test/proxy/token-exchange.test.ts"],
  },
  {
    breaks: "a browser that takes nothing holds an upstream's connection for ever",
    file: "src/proxy/exchange.ts",
    find: "response.socket?.setTimeout(parts.stalledReaderMs ?? STALLED_READER_MS);",
    replace: "",
    tests: ["test/proxy/matrix.test.ts"],
  },
  {
    breaks: "interim answers without end hold a request for ever",
    file: "src/proxy/exchange.ts",
    find: "++run.interimAnswers > MAX_INTERIM_ANSWERS",
    replace: "++run.interimAnswers > Infinity",
    tests: ["test/proxy/matrix.test.ts"],
  },
  {
    breaks: "I6: an upstream's certificate is not checked",
    file: "src/proxy/address.ts",
    find: "...config.tls,",
    replace: "...config.tls, rejectUnauthorized: false,",
    tests: ["test/proxy/upstream-tls.test.ts"],
  },
  {
    breaks: "the browser's header goes beside the one that the row sets",
    file: "src/proxy/headers.ts",
    find: " || added.has(name)",
    replace: "",
    tests: ["test/proxy/matrix.test.ts"],
  },
  {
    breaks: "I6: a row may set the bearer by itself",
    file: "src/upstream-headers.ts",
    find: '  authorization: "the bearer is chosen by `token`",\n',
    replace: "",
    tests: ["test/config/upstreams.test.ts"],
  },
];
