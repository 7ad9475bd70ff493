// What stays open of a session, as its browser's page holds it: a WebSocket of the API and a stream of /bff/events, each
// with how and when it ended.
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { openSocket } from "@cloakroom/testkit/web-socket-client.ts";
import type { Fleet, Instance } from "./fleet.ts";
import type { Visitor } from "./visitor.ts";

export type LiveConnection = {
  kind: "WebSocket" | "event stream";
  visitor: Visitor;
  at: Instance;
  /** Undefined while it is open. `how`: the close code and reason, or the code of the last event. */
  end: () => { how: string; atMs: number } | undefined;
  /** For a WebSocket: what is said comes back. */
  works: () => Promise<boolean>;
  leave: () => void;
};

/** What a page is told whose session somebody has ended. */
export const REVOKED: Readonly<Record<LiveConnection["kind"], string>> = {
  WebSocket: "4401 session_revoked",
  "event stream": "session_revoked",
};

const ECHO_WITHIN_MS = 10_000;

/** One of each kind at each instance. */
export async function openEverywhere(fleet: Fleet, visitor: Visitor): Promise<LiveConnection[]> {
  return Promise.all(
    fleet.instances.flatMap((at) => [openWebSocket(fleet, visitor, at), openEventStream(visitor, at)]),
  );
}

async function openWebSocket({ publicOrigin }: Fleet, visitor: Visitor, at: Instance): Promise<LiveConnection> {
  const address = { port: at.port, host: new URL(publicOrigin).host };
  const { cookie = "" } = visitor.headers;
  const { socket, closed, next } = await openSocket(address, "/api/socket", { headers: { cookie } });
  let end: { how: string; atMs: number } | undefined;
  void closed.then(({ code, reason }) => (end = { how: `${code} ${reason}`.trim(), atMs: performance.now() }));
  return {
    ...{ kind: "WebSocket", visitor, at },
    end: () => end,
    works: async () => {
      if (end !== undefined) return false;
      socket.send("hello");
      const answer = await Promise.race([next(), closed, sleep(ECHO_WITHIN_MS, undefined, { ref: false })]);
      return Buffer.isBuffer(answer) && answer.toString().endsWith(": hello");
    },
    leave: () => socket.terminate(),
  };
}

/** Resolves with its first bytes. */
function openEventStream(visitor: Visitor, at: Instance): Promise<LiveConnection> {
  return new Promise((resolve, reject) => {
    let text = "";
    let end: { how: string; atMs: number } | undefined;
    const request = get(
      `http://127.0.0.1:${at.port}/bff/events`,
      { agent: false, headers: { ...visitor.headers, accept: "text/event-stream" } },
      (response) => {
        const over = () => (end ??= { how: /"code":"(\w+)"/.exec(text)?.[1] ?? "silent", atMs: performance.now() });
        if (response.statusCode !== 200) reject(new Error(`an event stream was answered ${response.statusCode}`));
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
          resolve({
            ...{ kind: "event stream", visitor, at },
            end: () => end,
            works: () => Promise.resolve(end === undefined),
            leave: () => request.destroy(),
          });
        });
        response.once("close", over).on("error", () => undefined);
      },
    );
    request.on("error", reject);
  });
}
