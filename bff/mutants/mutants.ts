// Ways to break the gateway on purpose, one for each promise, and the test that must notice.

export type Mutant = {
  /** What a build with this change would do wrong. */
  breaks: string;
  file: string;
  find: string;
  replace: string;
  /** Test files, of which at least one must fail. */
  tests: readonly string[];
};

export const MUTANTS: readonly Mutant[] = [
  {
    breaks: "I1: the bearer's cookie reaches the upstream",
    file: "src/request-header-tables.ts",
    find: 'cookie: "the session id is for the gateway only (I1)",',
    replace: "",
    tests: ["test/proxy"],
  },
  {
    breaks: "I1: tokens are stored as they are",
    file: "src/tokens/vault.ts",
    find: "sealer.seal(JSON.stringify(tokens), sessionId)",
    replace: "JSON.stringify(tokens)",
    tests: ["test/tokens/vault.test.ts"],
  },
  {
    breaks: "I1: a token set opens without the session id",
    file: "src/tokens/vault.ts",
    find: "sealer.open(sealed, sessionId)",
    replace: 'sealer.open(sealed, "")',
    tests: ["test/tokens/vault.test.ts"],
  },
  {
    breaks: "I2: a late create brings an ended session back",
    file: "src/redis-scripts.ts",
    find: "if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return 0 end",
    replace: "",
    tests: ["test/session/store-contract.test.ts"],
  },
  {
    breaks: "I2: a logout leaves the session in the store",
    file: "src/redis-scripts.ts",
    find: "local s = redis.call('HGET', KEYS[1], 's')\nredis.call('DEL', KEYS[1])",
    replace: "local s = redis.call('HGET', KEYS[1], 's')",
    tests: ["test/auth/logout.test.ts"],
  },
  {
    breaks: "I2: a logout that arrives before its login is forgotten",
    file: "src/redis-scripts.ts",
    find: "if closed and (closed == '*' or tonumber(ARGV[3]) <= tonumber(closed)) then return 0 end",
    replace: "",
    tests: ["test/auth/backchannel-logout.test.ts"],
  },
  {
    breaks: "I4: no lock: everybody who asks may spend",
    file: "src/redis-scripts.ts",
    find: "if r[2] and r[2] ~= ARGV[1] and lease > 0 then return {'busy', lease} end",
    replace: "",
    tests: ["test/tokens/refresh.test.ts"],
  },
  {
    breaks: "I4: no fence: a holder that lost its lease still writes",
    file: "src/redis-scripts.ts",
    find: "if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then return 0 end\nredis.call('HSET', KEYS[1], 't', ARGV[2], ",
    replace: "redis.call('HSET', KEYS[1], 't', ARGV[2], ",
    tests: ["test/tokens/refresh.test.ts"],
  },
  {
    breaks: "I4: the lease is not renewed while the provider is slow",
    file: "src/tokens/refresh.ts",
    find: "store.renewRefresh(session.key, lease.owner, timing.leaseMs).catch(() => undefined);",
    replace: "",
    tests: ["test/tokens/refresh.test.ts"],
  },
  {
    breaks: "I4: a refusal ends the session though somebody else renewed it",
    file: "src/tokens/refresh.ts",
    find: "stored.tokenVersion !== session.tokenVersion",
    replace: "stored.tokenVersion < 0",
    tests: ["test/tokens/refresh.test.ts"],
  },
  {
    breaks: "I5: a store that is down looks like no session",
    file: "src/redis.ts",
    find: 'throw new GatewayError("store_unavailable", { cause: errors.causeOf(error) });',
    replace: "return undefined as never;",
    tests: ["test/session"],
  },
  {
    breaks: "I5: an outage clears the session cookie that a logout had prepared to clear",
    file: "src/http/error-answer.ts",
    find: "if (error.status === 503) keepSessionCookie(res);",
    replace: "",
    tests: ["test/http/answers.test.ts"],
  },
  {
    breaks: "I6: dot segments reach the upstream",
    file: "src/http/front-guard.ts",
    find: "const target = inspectTarget(url);",
    replace: 'const target = "ok" as ReturnType<typeof inspectTarget>;',
    tests: ["test/http", "test/proxy"],
  },
  {
    breaks: "I7: an eviction policy that loses sessions is accepted",
    file: "src/redis-server-faults.ts",
    find: 'policy === "noeviction"',
    replace: 'policy !== "noeviction"',
    tests: ["test/session/store-contract.test.ts"],
  },
  {
    breaks: "I7: NODE_DEBUG may print sessions",
    file: "src/config.ts",
    find: 'if (env["NODE_DEBUG"] !== undefined',
    replace: 'if (env["NODE_DEBUG_NOT"] !== undefined',
    tests: ["test/config/config.test.ts"],
  },
  {
    breaks: "I8: a refresh that the store could not take is dropped",
    file: "src/tokens/refresh.ts",
    find: "parts.lateSaves.offer({ key: session.key, handle: session.handle, owner, sealed, life });",
    replace: "",
    tests: ["test/tokens/refresh.test.ts"],
  },
  {
    breaks: "I8: a spent refresh token is spent again while its successor waits for the store",
    file: "src/tokens/refresh.ts",
    find: "await lateSaves.settle(session.key);",
    replace: "",
    tests: ["test/tokens/refresh.test.ts"],
  },
  {
    breaks: "403: a required role is not asked for",
    file: "src/proxy/authorize.ts",
    find: "!requiredRoles.some((role) => session.roles.includes(role))",
    replace: "requiredRoles.length > 99",
    tests: ["test/proxy/authorize.test.ts"],
  },
  {
    breaks: "F5: the session id survives the login",
    file: "src/session/koa-session.ts",
    find: "await (ctx.session as unknown as { regenerate(): Promise<void> }).regenerate();",
    replace: "await (ctx.session as unknown as { save(): Promise<void> }).save();",
    tests: ["test/auth/login.test.ts"],
  },
  {
    breaks: "F11: the gateway answers to any Host",
    file: "src/http/front-guard.ts",
    find: 'HOST_REFUSALS[matchHost(headers.host ?? "")]',
    replace: 'HOST_REFUSALS[headers.host === undefined ? matchHost("") : "same"]',
    tests: ["test/http"],
  },
  {
    breaks: "CSRF: a fetch without X-CSRF passes",
    file: "src/http/csrf.ts",
    find: 'headerOf(request, "x-csrf") === "1"',
    replace: "true",
    tests: ["test/http"],
  },
  {
    breaks: "I2: a record that is here already is believed without asking Redis",
    file: "src/redis.ts",
    find: 'if (known !== undefined && (await attempt(() => client.hget(names.session(key), "e"))) === known.end)',
    replace: "if (known !== undefined)",
    tests: ["test/session/store-contract.test.ts"],
  },
  {
    breaks: "I5: a gateway that was held up blames Redis",
    file: "src/deadline.ts",
    find: "lateMs > HELD_UP_MS ?",
    replace: "lateMs > Infinity ?",
    tests: ["test/session/deadline.test.ts"],
  },
  {
    breaks: "step-up: the upstream's challenge and body reach the browser as they are",
    file: "src/proxy/step-up.ts",
    find: 'if (parameters?.get("error") !== STEP_UP_ERROR) return undefined;',
    replace: "return undefined;",
    tests: ["test/proxy/step-up.test.ts"],
  },
  {
    breaks: "step-up: an upstream adds parameters of its own to a login",
    file: "src/proxy/step-up.ts",
    find: "if (value !== undefined && LOGIN_SHAPES[name].test(value)) query.set(name, value);",
    replace: "if (value !== undefined) query.set(name, value);",
    tests: ["test/proxy/step-up.test.ts"],
  },
  {
    breaks: "step-up: a request without the user's token sends the user round in a circle",
    file: "src/proxy/step-up.ts",
    find: 'if (token !== "user" && token !== "optional") return undefined;',
    replace: "",
    tests: ["test/proxy/step-up.test.ts"],
  },
  {
    breaks: "step-up: a body without end holds the upstream's connection",
    file: "src/proxy/exchange.ts",
    find: "controller.abort(refusal);",
    replace: "",
    tests: ["test/proxy/step-up.test.ts"],
  },
];
