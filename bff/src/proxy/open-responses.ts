// Answers that stay open (event streams, long downloads): cut when the session that they were given to ends, on
// whatever instance. Short answers cost nothing here, and those in between no more than a place in a list.
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { LiveConnections } from "../session/live/live-connections.ts";
import type { EndReason, SessionKey } from "../store/store.ts";

export type OpenAnswer = {
  key: SessionKey;
  response: ServerResponse;
  /** Before the browser's connection is cut. */
  onCut: (reason: EndReason) => void;
};

export type OpenResponses = {
  /** To be told of each answer of a session when its head arrives. */
  begin(answer: OpenAnswer, headers: IncomingHttpHeaders): void;
  close(): void;
};

/** Twice this long an answer may take before its session is watched: most are over by then. */
const SWEEP_MS = 400;
/** A body of this length is over before anybody could end its session. */
const SHORT_BYTES = 65_536;

export function createOpenResponses(live: Pick<LiveConnections, "add">): OpenResponses {
  let young: OpenAnswer[] = [];
  let older: OpenAnswer[] = [];

  const watch = ({ key, response, onCut }: OpenAnswer): void => {
    const remove = live.add(key, (reason) => {
      onCut(reason);
      // Visibly broken off: half an answer must not look like a whole one. The upstream's call ends with it.
      response.destroy();
    });
    response.on("close", remove);
  };
  const sweep = setInterval(() => {
    for (const answer of older) if (!answer.response.writableFinished && !answer.response.destroyed) watch(answer);
    older = young;
    young = [];
  }, SWEEP_MS).unref();

  return {
    begin(answer, headers) {
      if (headers["content-type"]?.startsWith("text/event-stream") === true) watch(answer);
      else if (!(Number(headers["content-length"]) <= SHORT_BYTES)) young.push(answer);
    },
    close: () => clearInterval(sweep),
  };
}
