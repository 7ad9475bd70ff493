// npm run bench:sessions: memory of one instance for sessions and their event streams, and the delay until a stream receives
// the end of its session. Sessions are stored as by a login; each is used once through /api.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startRedisServer } from "@cloakroom/testing/redis-server.ts";
import { applicationId } from "@cloakroom/gateway/src/lib/application-id.ts";
import { createRedisStore } from "@cloakroom/gateway/src/store/redis/redis-store.ts";
import { SESSION_COOKIE } from "@cloakroom/gateway/src/session/cookies.ts";
import { newSessionId, sessionKeyOf } from "@cloakroom/gateway/src/session/session.ts";
import { createSealerFactory } from "@cloakroom/gateway/src/lib/encryption.ts";
import { createVault } from "@cloakroom/gateway/src/tokens/vault.ts";
import { processTree, residentBytes } from "./processes.ts";

const SESSIONS = Number(process.argv[2] ?? 10_000);
const STREAMS = Number(process.argv[3] ?? 2_000);
const AT_ONCE = 50;

const key = randomBytes(32);
const application = applicationId("bench");
const [port, managementPort] = [await freePort(), await freePort()];
const redis = await startRedisServer();
const upstream = createServer((_request, response) => void response.end("{}")).listen(0, "127.0.0.1");
await once(upstream, "listening");
const gateway = spawn(process.execPath, [join(import.meta.dirname, "../../bff/src/main.ts")], {
  stdio: ["ignore", "ignore", "inherit"],
  env: {
    PORT: String(port),
    MANAGEMENT_PORT: String(managementPort),
    PUBLIC_ORIGIN: `http://localhost:${port}`,
    OIDC_ISSUER: "http://127.0.0.1:1",
    OIDC_CLIENT_ID: "bench",
    OIDC_CLIENT_SECRET: "a-client-secret-of-the-bench",
    SECRET_KEYS: key.toString("base64url"),
    REDIS_URL: redis.url,
    APP_ID: application,
    UPSTREAMS: `/api=http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
  },
});
const store = createRedisStore({ application, url: redis.url, timeoutMs: 5_000 });
const pids = processTree(gateway.pid ?? 0);
const megabytes = () => residentBytes(pids) / 1_000_000;

try {
  await started();
  const ids = Array.from({ length: SESSIONS }, newSessionId);
  await use(ids[0] ?? "", 1_000);
  const restMb = megabytes();
  await inBatches(ids, async (id) => {
    await login(id);
    await use(id, 1);
  });
  await sleep(2_000);
  const sessionsMb = megabytes();
  const streams = ids.slice(0, STREAMS).map(openStream);
  await Promise.all(streams.map(({ opened }) => opened));
  await sleep(2_000);
  const streamsMb = megabytes();
  const delays = await endEach(ids.slice(0, STREAMS), streams);
  report({ restMb, sessionsMb, streamsMb, delays });
} finally {
  gateway.kill("SIGKILL");
  upstream.close();
  await store.close();
  await redis.stop();
}
process.exit(0);

async function started(): Promise<void> {
  const isUp = () => request(`http://127.0.0.1:${managementPort}/livez`).then(({ body }) => body.dump());
  for (let attempts = 0; attempts < 200; attempts++) {
    try {
      await isUp();
      return;
    } catch {
      await sleep(50);
    }
  }
  throw new Error("the gateway did not start");
}

async function login(sessionId: string): Promise<void> {
  const nowMs = Date.now();
  const session = {
    handle: randomBytes(12).toString("base64url"),
    issuer: "http://127.0.0.1:1",
    subject: randomBytes(8).toString("hex"),
    user: { sub: "x", name: "A Name", email: "name@example.test", roles: ["user"] },
    roles: ["user"],
    createdAtMs: nowMs,
    issuedAtSeconds: Math.floor(nowMs / 1000),
  };
  const randomText = (bytes: number) => randomBytes(bytes).toString("base64url");
  const tokens = {
    accessToken: randomText(900),
    refreshToken: randomText(500),
    idToken: randomText(750),
    scope: "openid profile email",
    refreshAtMs: nowMs + 3_600_000,
    usableUntilMs: nowMs + 3_600_000,
  };
  const sealed = createVault(createSealerFactory([key], application)).seal(tokens, sessionId);
  const limits = { idleMs: 3_600_000, maxMs: 3_600_000 };
  await store.create({ key: sessionKeyOf(sessionId), session: JSON.stringify(session), tokens: sealed, ...limits });
}

async function use(sessionId: string, times: number): Promise<void> {
  for (let count = 0; count < times; count++) {
    const headers = { "x-csrf": "1", "sec-fetch-site": "same-origin", cookie: `${SESSION_COOKIE}=${sessionId}` };
    const { body } = await request(`http://localhost:${port}/api/x`, { headers });
    await body.dump();
  }
}

async function inBatches<T>(all: readonly T[], each: (one: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < all.length; from += AT_ONCE) await Promise.all(all.slice(from, from + AT_ONCE).map(each));
}

function openStream(sessionId: string) {
  const socket = connect(port, "127.0.0.1");
  socket.write(
    `GET /bff/events HTTP/1.1\r\nHost: localhost:${port}\r\nAccept: text/event-stream\r\n` +
      `Sec-Fetch-Site: same-origin\r\nCookie: ${SESSION_COOKIE}=${sessionId}\r\n\r\n`,
  );
  const opened = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<number>();
  socket.on("error", (error) => opened.reject(error));
  socket.on("data", (bytes) => {
    const text = bytes.toString("latin1");
    if (text.includes("retry:")) opened.resolve();
    if (text.includes("session-ended")) ended.resolve(performance.now());
  });
  return { opened: opened.promise, ended: ended.promise };
}

/** @returns the milliseconds from the end of each session in the store to its event */
async function endEach(ids: readonly string[], streams: readonly { ended: Promise<number> }[]): Promise<number[]> {
  const delays: number[] = [];
  await inBatches([...ids.keys()], async (at) => {
    await store.end(sessionKeyOf(ids[at] ?? ""), "logout");
    const endedAtMs = performance.now();
    delays.push(((await streams[at]?.ended) ?? Infinity) - endedAtMs);
  });
  return delays.toSorted((a, b) => a - b);
}

type Measured = { restMb: number; sessionsMb: number; streamsMb: number; delays: number[] };

function report({ restMb, sessionsMb, streamsMb, delays }: Measured): void {
  const at = (share: number) =>
    (delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] ?? 0).toFixed(1);
  console.log(`${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores, Node ${process.versions.node}`);
  console.log(`at rest ${restMb.toFixed(0)} MB`);
  console.log(`with ${SESSIONS} sessions in use ${sessionsMb.toFixed(0)} MB`);
  console.log(`and ${STREAMS} streams of /bff/events ${streamsMb.toFixed(0)} MB`);
  console.log(`delay of the session-ended event: ${at(0.5)} ms (median), ${at(0.99)} ms (p99), ${at(1)} ms (last)`);
}
