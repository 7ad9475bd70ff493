// Long-lived connections of a session: a WebSocket to the API and an event stream from /bff/events. Records when and how
// each one closes.
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { openSocket } from "@cloakroom/testkit/web-socket-client.ts";
import type { Fleet, Instance } from "./fleet.ts";
import type { ChaosBrowser } from "./browser.ts";

export type LiveConnection = {
  kind: "WebSocket" | "event stream";
  browser: ChaosBrowser;
  at: Instance;
  /** Undefined while the connection is open. `how`: close code and reason, or the code of the last event. */
  end: () => { how: string; atMs: number } | undefined;
  /** WebSocket: the API echoes a message. Event stream: the connection is open. */
  works: () => Promise<boolean>;
  close: () => void;
};

/** How a connection closes after its session was revoked. */
export const REVOKED: Readonly<Record<LiveConnection["kind"], string>> = {
  WebSocket: "4401 session_revoked",
  "event stream": "session_revoked",
};

const ECHO_WITHIN_MS = 10_000;

/** Opens a WebSocket and an event stream on every instance. */
export async function openEverywhere(fleet: Fleet, browser: ChaosBrowser): Promise<LiveConnection[]> {
  return Promise.all(
    fleet.instances.flatMap((at) => [openWebSocket(fleet, browser, at), openEventStream(browser, at)]),
  );
}

async function openWebSocket({ publicOrigin }: Fleet, browser: ChaosBrowser, at: Instance): Promise<LiveConnection> {
  const address = { port: at.port, host: new URL(publicOrigin).host };
  const { cookie = "" } = browser.headers;
  const { socket, closed, next } = await openSocket(address, "/api/socket", { headers: { cookie } });
  let end: { how: string; atMs: number } | undefined;
  void closed.then(({ code, reason }) => (end = { how: `${code} ${reason}`.trim(), atMs: performance.now() }));
  return {
    ...{ kind: "WebSocket", browser, at },
    end: () => end,
    works: async () => {
      if (end !== undefined) return false;
      socket.send("hello");
      const result = await Promise.race([next(), closed, sleep(ECHO_WITHIN_MS, undefined, { ref: false })]);
      return Buffer.isBuffer(result) && result.toString().endsWith(": hello");
    },
    close: () => socket.terminate(),
  };
}

/** Resolves when the first bytes arrive. */
function openEventStream(browser: ChaosBrowser, at: Instance): Promise<LiveConnection> {
  return new Promise((resolve, reject) => {
    let text = "";
    let end: { how: string; atMs: number } | undefined;
    const request = get(
      `http://127.0.0.1:${at.port}/bff/events`,
      { agent: false, headers: { ...browser.headers, accept: "text/event-stream" } },
      (response) => {
        const recordEnd = () =>
          (end ??= { how: /"code":"(\w+)"/.exec(text)?.[1] ?? "closed without an event", atMs: performance.now() });
        if (response.statusCode !== 200) reject(new Error(`event stream: status ${response.statusCode}`));
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
          resolve({
            ...{ kind: "event stream", browser, at },
            end: () => end,
            works: () => Promise.resolve(end === undefined),
            close: () => request.destroy(),
          });
        });
        response.once("close", recordEnd).on("error", () => undefined);
      },
    );
    request.on("error", reject);
  });
}
