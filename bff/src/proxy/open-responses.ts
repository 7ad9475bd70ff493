// Aborts open responses when their session ends on any instance (event streams, long downloads), or when the client's own
// access token is no longer accepted (event streams). Short responses are not tracked; downloads are tracked once they have
// been open for one sweep.
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { ErrorCode } from "../errors.ts";
import { END_REASON_TO_ERROR_CODE } from "../session/end-reasons.ts";
import type { LiveConnections } from "../session/live/live-connections.ts";
import type { SessionKey } from "../store/store.ts";
import type { WatchedToken, WatchToken } from "./token-watch.ts";

export type OpenResponse = {
  /** The response belongs to a session. */
  sessionKey: SessionKey | undefined;
  /** The response belongs to a client with its own access token. */
  token: WatchedToken | undefined;
  response: ServerResponse;
  /** Called before the browser's connection is closed. */
  onCut: (cut: Cut) => void;
};

/** For the request log. */
export type Cut = { code: ErrorCode; reason: string };

export type OpenResponses = {
  /** Call it for each response that belongs to a session or to an access token, before its head is sent. */
  add(open: OpenResponse, headers: IncomingHttpHeaders): void;
  close(): void;
};

type Dependencies = { live: Pick<LiveConnections, "add">; watchToken: WatchToken };

/** A response is subscribed to the end of its session after one to two sweeps. */
const SWEEP_MS = 400;
/** Bodies of this length at most are not tracked. */
const SHORT_BYTES = 65_536;

export function createOpenResponses({ live, watchToken }: Dependencies): OpenResponses {
  let recent: OpenResponse[] = [];
  let older: OpenResponse[] = [];

  const subscribe = ({ sessionKey, token, response, onCut }: OpenResponse): void => {
    const cut = (code: ErrorCode, reason: string): void => {
      onCut({ code, reason });
      // Destroyed, not ended: a partial response must not look complete. The upstream request is aborted as well.
      response.destroy();
    };
    if (sessionKey !== undefined)
      response.on(
        "close",
        live.add(sessionKey, (reason) =>
          cut(END_REASON_TO_ERROR_CODE[reason], `the session ended while its response was open: ${reason}`),
        ),
      );
    else if (token !== undefined)
      response.on(
        "close",
        watchToken(token, ({ code, reason = code }) => cut(code, `while the response was open: ${reason}`)),
      );
  };
  const sweep = setInterval(() => {
    for (const open of older) if (!open.response.writableFinished && !open.response.destroyed) subscribe(open);
    older = recent;
    recent = [];
  }, SWEEP_MS).unref();

  return {
    add(open, headers) {
      if (headers["content-type"]?.startsWith("text/event-stream") === true) subscribe(open);
      // Access tokens live for minutes: a download may take longer than the token that has started it.
      else if (open.sessionKey !== undefined && !(Number(headers["content-length"]) <= SHORT_BYTES)) recent.push(open);
    },
    close: () => clearInterval(sweep),
  };
}
