// Aborts open responses (event streams, long downloads) when their session ends on any instance. Short responses are not
// tracked; others are tracked once they have been open for one sweep.
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { LiveConnections } from "../session/live/live-connections.ts";
import type { EndReason, SessionKey } from "../store/store.ts";

export type OpenResponse = {
  key: SessionKey;
  response: ServerResponse;
  /** Called before the browser's connection is closed. */
  onCut: (reason: EndReason) => void;
};

export type OpenResponses = {
  /** Call it for each response that belongs to a session, before its head is sent. */
  add(open: OpenResponse, headers: IncomingHttpHeaders): void;
  close(): void;
};

/** A response is subscribed to the end of its session after one to two sweeps. */
const SWEEP_MS = 400;
/** Bodies of this length at most are not tracked. */
const SHORT_BYTES = 65_536;

export function createOpenResponses(live: Pick<LiveConnections, "add">): OpenResponses {
  let recent: OpenResponse[] = [];
  let older: OpenResponse[] = [];

  const subscribe = ({ key, response, onCut }: OpenResponse): void => {
    const unsubscribe = live.add(key, (reason) => {
      onCut(reason);
      // Destroyed, not ended: a partial response must not look complete. The upstream request is aborted as well.
      response.destroy();
    });
    response.on("close", unsubscribe);
  };
  const sweep = setInterval(() => {
    for (const open of older) if (!open.response.writableFinished && !open.response.destroyed) subscribe(open);
    older = recent;
    recent = [];
  }, SWEEP_MS).unref();

  return {
    add(open, headers) {
      if (headers["content-type"]?.startsWith("text/event-stream") === true) subscribe(open);
      else if (!(Number(headers["content-length"]) <= SHORT_BYTES)) recent.push(open);
    },
    close: () => clearInterval(sweep),
  };
}
