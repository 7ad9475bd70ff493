// Bad weather on demand: delays, wrong answers and cut connections, before or after the request was processed.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { endpointOf, type Counters, type Endpoint } from "./counters.ts";

export type Fault = {
  endpoint: Endpoint | "all";
  /** Waits before the request is processed. */
  delayMs?: number;
  /** Processes the request, then holds the answer back. */
  delayAfterMs?: number;
  /** The same two with an end that the test decides on, so that what must happen in between has happened. */
  processWhen?: Promise<unknown>;
  answerWhen?: Promise<unknown>;
  /** Answers with this instead of processing. */
  status?: number;
  body?: string;
  contentType?: string;
  /** Cuts the connection with a TCP reset; nothing is processed. */
  resetBeforeProcessing?: boolean;
  /** Processes the request, then cuts the connection: the outcome is unknowable to the caller. */
  resetAfterProcessing?: boolean;
  /** Ends by itself after so many requests. */
  times?: number;
};

export type Faults = {
  /** Replaces whatever was set for that endpoint. */
  set: (fault: Fault) => void;
  clear: () => void;
};

export type FaultyHandler = { faults: Faults; wrap: (inner: RequestListener) => RequestListener };

export function faultyHandler(counters: Counters): FaultyHandler {
  const active = new Map<string, Fault & { left: number }>();
  const take = (endpoint: Endpoint): Fault | undefined => {
    const fault = active.get(endpoint) ?? active.get("all");
    if (fault === undefined) return undefined;
    fault.left -= 1;
    if (fault.left <= 0) active.delete(fault.endpoint);
    return fault;
  };
  return {
    faults: {
      set: (fault) => void active.set(fault.endpoint, { ...fault, left: fault.times ?? Infinity }),
      clear: () => active.clear(),
    },
    wrap: (inner) => (req, res) => {
      const endpoint = endpointOf((req.url ?? "/").split("?")[0] ?? "/");
      counters.add(endpoint);
      const fault = take(endpoint);
      if (fault === undefined) inner(req, res);
      else void suffer({ fault, req, res, inner });
    },
  };
}

type Suffering = { fault: Fault; req: IncomingMessage; res: ServerResponse; inner: RequestListener };

async function suffer({ fault, req, res, inner }: Suffering): Promise<void> {
  if (fault.delayMs !== undefined) await wait(fault.delayMs);
  await fault.processWhen;
  if (res.destroyed || req.socket.destroyed) return;
  if (fault.resetBeforeProcessing === true) return cut(req);
  if (fault.status !== undefined) {
    req.resume();
    res.writeHead(fault.status, { "content-type": fault.contentType ?? "text/plain" });
    res.end(fault.body ?? "");
    return;
  }
  if (fault.resetAfterProcessing === true) withholdAnswer(res, () => cut(req));
  else if (fault.delayAfterMs !== undefined) delayAnswer(res, wait(fault.delayAfterMs));
  else if (fault.answerWhen !== undefined) delayAnswer(res, fault.answerWhen);
  inner(req, res);
}

function cut(req: IncomingMessage): void {
  if (req.socket instanceof Socket) req.socket.resetAndDestroy();
}

/** The answer is complete when `end` is called: only then is everything stored that it speaks of. */
function withholdAnswer(res: ServerResponse, instead: () => void): void {
  res.write = () => true;
  res.end = () => {
    instead();
    return res;
  };
}

function delayAnswer(res: ServerResponse, until: Promise<unknown>): void {
  const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse;
  res.end = (...args: unknown[]) => {
    void until.then(() => end(...args));
    return res;
  };
}
