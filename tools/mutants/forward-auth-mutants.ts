// Mutants of forward-auth: how a request is described, what is decided, and what a response contains.
import type { Mutant } from "./mutants.ts";

const TESTS = ["test/proxy/forward-auth.integration.test.ts"];

export const FORWARD_AUTH_MUTANTS: readonly Mutant[] = [
  {
    breaks: "forward-auth: a describing header may occur twice",
    file: "src/proxy/forward-auth/described-request.ts",
    find: "return count === describing.size ? undefined :",
    replace: "return count >= describing.size ? undefined :",
    tests: TESTS,
  },
  {
    breaks: "forward-auth: any path of the listener is a decision",
    file: "src/proxy/forward-auth/described-request.ts",
    find: 'if (rawPath(call.url ?? "") !== FORWARD_AUTH_PATH) return',
    replace: "if (call.url === undefined) return",
    tests: TESTS,
  },
  {
    breaks: "forward-auth: Envoy's path prefix is not checked",
    file: "src/proxy/forward-auth/described-request.ts",
    find: "if (!url.startsWith(FORWARD_AUTH_PATH) || path.charCodeAt(0) !== SLASH)",
    replace: "if (path === undefined)",
    tests: TESTS,
  },
  {
    breaks: "forward-auth: the browser chooses its client address",
    file: "src/proxy/forward-auth/described-request.ts",
    find: 'return list.slice(list.lastIndexOf(",") + 1).trim();',
    replace: 'return (list.split(",")[0] ?? "").trim();',
    tests: TESTS,
  },
  {
    breaks: "I6: forward-auth accepts ambiguous paths outside of rows",
    file: "src/proxy/forward-auth/decision.ts",
    find: "const routes = { ...dependencies.routes, isStrict: () => true };",
    replace: "const { routes } = dependencies;",
    tests: TESTS,
  },
  {
    breaks: "forward-auth: the CSRF check is left out",
    file: "src/proxy/forward-auth/decision.ts",
    find: "requireSameOrigin(request, state, { publicOrigin, metrics });",
    replace: "",
    tests: TESTS,
  },
  {
    breaks: "forward-auth: headers in another spelling pass",
    file: "src/proxy/forward-auth/decision.ts",
    find: "if (misspelled !== undefined)",
    replace: 'if (misspelled === "")',
    tests: TESTS,
  },
  {
    breaks: "forward-auth: a WebSocket is decided as a fetch or page request (Traefik removes Upgrade)",
    file: "src/proxy/forward-auth/decision.ts",
    find: 'if (headers.upgrade === undefined && headers["sec-websocket-key"] !== undefined) headers.upgrade = "websocket";',
    replace: "",
    tests: TESTS,
  },
  {
    breaks: "forward-auth: any protocol may be upgraded",
    file: "src/proxy/forward-auth/decision.ts",
    find: 'if (headers.upgrade?.toLowerCase() === "websocket") describeHandshake(request);',
    replace: "if (headers.upgrade !== undefined) describeHandshake(request);",
    tests: TESTS,
  },
  {
    breaks: "GHSA-7r4p-vjf4-gxv4: an allow without a token has no Authorization",
    file: "src/proxy/forward-auth/allow-headers.ts",
    find: 'const list = ["Authorization", token, "X-Request-Id", requestId];',
    replace: 'const list = ["X-Request-Id", requestId, ...(token === "" ? [] : ["Authorization", token])];',
    tests: TESTS,
  },
  {
    breaks: "GHSA-7r4p-vjf4-gxv4: an allow has no identity headers",
    file: "src/proxy/forward-auth/allow-headers.ts",
    find: ", ...upstream.identityHeadersOf(identity?.claims));",
    replace: ");",
    tests: TESTS,
  },
  {
    breaks: "GHSA-7r4p-vjf4-gxv4: an allow has the row's own headers only",
    file: "src/proxy/forward-auth/allow-headers.ts",
    find: "const names = [...configured].filter(",
    replace: "const names = [...config.headers.keys()].filter(",
    tests: TESTS,
  },
  {
    breaks: "forward-auth: a navigation without the Strict cookie leads to login after login",
    file: "src/proxy/forward-auth/decision.ts",
    find: 'if (navigation?.action === "refresh") throw',
    replace: "if (navigation?.action === undefined) throw",
    tests: TESTS,
  },
  {
    breaks: "I5: an outage is a 403 for nginx",
    file: "src/proxy/forward-auth/decision-response.ts",
    find: "if (status >= 500) return status;",
    replace: "",
    tests: ["test/proxy/forward-auth-outage.integration.test.ts"],
  },
  {
    breaks: "forward-auth: other machines may call the listener",
    file: "src/proxy/forward-auth/forward-auth-server.ts",
    find: "if (isNetwork && !isTrusted(peerAddress(call), trustedProxies))",
    replace: "if (isNetwork && trustedProxies === undefined)",
    tests: ["test/proxy/forward-auth-listener.test.ts"],
  },
];
