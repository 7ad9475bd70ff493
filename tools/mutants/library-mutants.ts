// Mutants of the library: a gateway mounted in another server.
import type { Mutant } from "./mutants.ts";

const MOUNTS = ["test/library/mounts.integration.test.ts"];
const HOSTILE = ["test/library/hostile-requests.integration.test.ts"];
const SHARED_SERVER = ["test/library/shared-server.integration.test.ts"];
const MOUNTING = ["test/library/mounting.integration.test.ts"];
const CONFIGURATION = ["test/library/configuration.test.ts"];
const REQUIREMENTS = ["test/library/requirements.test.ts"];

export const LIBRARY_MUTANTS: readonly Mutant[] = [
  {
    breaks: "library: an own route accepts requests of other sites",
    file: "src/library/host-routes.ts",
    find: "requireSameOrigin(request, state, { publicOrigin, metrics });",
    replace: "",
    tests: MOUNTS,
  },
  {
    breaks: "I3: library: an own route accepts a session cookie that was sent twice",
    file: "src/library/host-routes.ts",
    find: "if (rejection !== undefined) {",
    replace: "if (rejection === null) {",
    tests: MOUNTS,
  },
  {
    breaks: "library: an own route ignores its requirements",
    file: "src/library/requirements.ts",
    find: "readUpstreamRows([{ ...NOWHERE, ...rules, token",
    replace: "readUpstreamRows([{ ...NOWHERE, csrf: rules.csrf, token",
    tests: MOUNTS,
  },
  {
    breaks: "library: a WebSocket of the host is accepted from any origin",
    file: "src/library/host-routes.ts",
    find: "if (isWebSocket(request)) describeHandshake(request);",
    replace: "if (isWebSocket(request)) delete request.headers.upgrade;",
    tests: MOUNTING,
  },
  {
    breaks: "I2: library: an own route gets the token of a session that has ended",
    file: "src/library/host-routes.ts",
    find: "accessToken: () => accessToken(request, rows.token),",
    replace: "accessToken: ((early) => () => early)(accessToken(request, rows.token)),",
    tests: MOUNTING,
  },
  {
    breaks: "I3: library: a host changes the user of later requests",
    file: "src/library/host-routes.ts",
    find: "return Object.freeze(value);",
    replace: "return value;",
    tests: MOUNTING,
  },
  {
    breaks: "library: a login leads to an own page again and again",
    file: "src/library/rejection.ts",
    find: "if (error.status === 401 && navigation?.mayLogIn === true) return login(rejected);",
    replace: "if (error.status === 401 && navigation !== undefined) return login(rejected);",
    tests: MOUNTS,
  },
  {
    breaks: "library: a login does not mark its return path in a mounted gateway",
    file: "src/services.ts",
    find: "isForwarded: (path: string) => isMounted || ",
    replace: "isForwarded: (path: string) => ",
    tests: MOUNTS,
  },
  {
    breaks: "library: an own route may be open to other sites",
    file: "src/library/requirements.ts",
    find: '...(csrf === "none" ? ["csrf may not be none: other sites could send requests with the session."] : []),',
    replace: "",
    tests: REQUIREMENTS,
  },
  {
    breaks: "library: a misspelt requirement is ignored",
    file: "src/library/requirements.ts",
    find: "const unknown = Object.keys(requirements).filter((key) => !KEYS.has(key));",
    replace:
      "const unknown: string[] = [];\n  for (const key in requirements) if (!KEYS.has(key)) delete requirements[key];",
    tests: REQUIREMENTS,
  },
  {
    breaks: "I6: library: a target that could be read as a path of the gateway reaches the host",
    file: "src/library/ownership.ts",
    find: 'return routes.isStrict(target) && inspectTarget(target, rules) !== "ok";',
    replace: "return rules === undefined;",
    tests: HOSTILE,
  },
  {
    breaks: "I3: library: cookies and CORS headers of the host are part of the gateway's responses",
    file: "src/library/mount.ts",
    find: 'for (const name of response.getHeaderNames()) if (name !== "connection") response.removeHeader(name);',
    replace: "",
    tests: MOUNTING,
  },
  {
    breaks: "library: a gateway serves requests of a server that accepts malformed ones",
    file: "src/library/mount.ts",
    find: "if (fault !== undefined) return misuse(request, response, fault);",
    replace: "",
    tests: MOUNTING,
  },
  {
    breaks: "library: an upload that a body parser has read waits without end",
    file: "src/library/mount.ts",
    find: "if (hasBody(request) && wasRead(request)) return misuse(request, response, BODY_WAS_READ);",
    replace: "",
    tests: MOUNTING,
  },
  {
    breaks: "library: a gateway below a path is a silent 404",
    file: "src/library/mount.ts",
    find: "if (isOwn(original) || isOwn(request))",
    replace: "if (isOwn(original) && isOwn(request))",
    tests: MOUNTING,
  },
  {
    breaks: "library: a rejected upload is sent before the response",
    file: "src/library/server-attachments.ts",
    find: "if (ownerOf(request) === undefined) response.writeContinue();",
    replace: "response.writeContinue();",
    tests: HOSTILE,
  },
  {
    breaks: "library: a server for WebSockets of the host gets the handshakes of the gateway",
    file: "src/library/server-attachments.ts",
    find: 'if (event === "upgrade") {',
    replace: 'if (event === "never") {',
    tests: SHARED_SERVER,
  },
  {
    breaks: "library: a gateway serves the Host of another gateway of its server",
    file: "src/library/mount.ts",
    find: "hasOwnTarget(request) && !isOfAnotherGateway(request, gateway.hasHost)",
    replace: "hasOwnTarget(request) && !isOfAnotherGateway(request, () => true)",
    tests: SHARED_SERVER,
  },
  {
    breaks: "I7: library: a host hides that it runs in production",
    file: "src/config/config.ts",
    find: 'const VARIABLES_OF_PROCESS = ["NODE_ENV", ',
    replace: "const VARIABLES_OF_PROCESS = [",
    tests: CONFIGURATION,
  },
  {
    breaks: "library: variables of the host override its configuration",
    file: "src/config/file/load-config-file.ts",
    find: 'overrides: owner === "gateway" ? serverVariables(env) : NO_VARIABLES,',
    replace: "overrides: serverVariables(env),",
    tests: CONFIGURATION,
  },
  {
    breaks: "library: requests in flight are cut off by close",
    file: "src/library.ts",
    find: "while (isBusy() && performance.now() < deadlineMs) await sleep(POLL_MS);",
    replace: "",
    tests: MOUNTING,
  },
];
