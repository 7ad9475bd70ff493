// Mutants of WebSockets.
import type { Mutant } from "./mutants.ts";

const WIRE = ["websocket", "websocket-authorization", "websocket-handshakes"].map(
  (name) => `test/proxy/${name}.test.ts`,
);
const SESSIONS = ["test/proxy/websocket-session.integration.test.ts"];

export const WEBSOCKET_MUTANTS: readonly Mutant[] = [
  {
    breaks: "WebSocket: a foreign Origin is accepted (cross-site WebSocket hijacking)",
    file: "src/http/csrf.ts",
    find: "if (origin !== undefined && origin !== publicOrigin && !isOpaque) return",
    replace: 'if (rule !== "handshake" && origin !== undefined && origin !== publicOrigin && !isOpaque) return',
    tests: WIRE,
  },
  {
    breaks: "WebSocket: a missing Origin is accepted",
    file: "src/http/csrf.ts",
    find: 'return origin === undefined ? "a WebSocket without Origin" : "ok";',
    replace: 'return "ok";',
    tests: WIRE,
  },
  {
    breaks: "WebSocket: the browser's cookies reach the upstream",
    file: "src/proxy/websocket/upgrade.ts",
    find: 'const list = ["sec-websocket-version", "13",',
    replace: 'const list = ["cookie", headers.cookie ?? "", "sec-websocket-version", "13",',
    tests: WIRE,
  },
  {
    breaks: "WebSocket: the end of its session does not close it",
    file: "src/proxy/websocket/upgrade.ts",
    find: "            close(END_REASON_TO_ERROR_CODE[reason]);",
    replace: "",
    tests: SESSIONS,
  },
  {
    breaks: "WebSocket: it opens although its session ended during the handshake",
    file: "src/proxy/websocket/upgrade.ts",
    find: "if (opened.endReason !== undefined)",
    replace: "if (opened.endReason === ('' as string))",
    tests: WIRE,
  },
  {
    breaks: "WebSocket: any 101 of an upstream opens a tunnel",
    file: "src/proxy/websocket/upgrade.ts",
    find: 'if (head["sec-websocket-accept"] !== accept)',
    replace: 'if (head["sec-websocket-accept"] === "")',
    tests: WIRE,
  },
  {
    breaks: "WebSocket: bytes after the handshake request are forwarded",
    file: "src/http/websocket-handshake.ts",
    find: "return handshake.hasEarlyBytes ?",
    replace: "return handshake.hasEarlyBytes === undefined ?",
    tests: WIRE,
  },
  {
    breaks: "WebSocket: a slow reader fills the gateway's memory",
    file: "src/proxy/websocket/tunnel.ts",
    find: "chunk.subarray(0, endsAt))) upstream.pause();",
    replace: "chunk.subarray(0, endsAt))) void 0;",
    tests: WIRE,
  },
  {
    breaks: "WebSocket: the gateway's Close frame is sent inside another frame",
    file: "src/proxy/websocket/tunnel.ts",
    find: "pendingClose !== undefined && down.isAtBoundary() && !hasUpstreamClosed",
    replace: "pendingClose !== undefined && !hasUpstreamClosed",
    tests: WIRE,
  },
  {
    breaks: "WebSocket: messages are forwarded after the end of the session",
    file: "src/proxy/websocket/tunnel.ts",
    find: "chunk.subarray(0, endsAt)",
    replace: "chunk",
    tests: WIRE,
  },
  {
    breaks: "WebSocket: pongs extend the session",
    file: "src/proxy/websocket/tunnel.ts",
    find: "else if (opcode < CLOSE) onUse();",
    replace: "else onUse();",
    tests: WIRE,
  },
  {
    breaks: "WebSocket: the limit per session is ignored",
    file: "src/proxy/websocket/tunnels.ts",
    find: "max: maxWebSocketsPerSession",
    replace: "max: Infinity",
    tests: WIRE,
  },
];
