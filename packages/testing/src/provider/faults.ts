// Fault injection for the provider: delays, substituted responses and connection resets, before or after processing.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { endpointOf, type Counters, type Endpoint } from "./counters.ts";

export const ID_TOKEN_FAULTS = [
  "bad-signature",
  "wrong-issuer",
  "wrong-audience",
  "wrong-nonce",
  "wrong-subject",
  "expired",
  "missing",
] as const;

export type IdTokenFault = (typeof ID_TOKEN_FAULTS)[number];

export type Fault = {
  endpoint: Endpoint | "all";
  /** Delay before the request is processed. */
  delayMs?: number;
  /** Delay between processing and response. */
  delayAfterMs?: number;
  /** The request is processed when this promise resolves. */
  processAfter?: Promise<unknown>;
  /** The request is processed, and the response is sent when this promise resolves. */
  respondAfter?: Promise<unknown>;
  /** Status of a response that is sent instead of processing the request. */
  status?: number;
  body?: string;
  contentType?: string;
  /** Resets the connection (TCP RST) without processing the request. */
  resetBeforeProcessing?: boolean;
  /** Processes the request, then resets the connection: the client cannot know the outcome. */
  resetAfterProcessing?: boolean;
  /** The token endpoint processes the request and responds with an ID token that the client must reject. */
  idToken?: IdTokenFault;
  /** Number of affected requests; unlimited by default. */
  times?: number;
};

export type Faults = {
  /** Replaces the fault of that endpoint. */
  set: (fault: Fault) => void;
  clear: () => void;
};

export type FaultInjection = {
  faults: Faults;
  wrap: (inner: RequestListener) => RequestListener;
  /** @returns the fault of the ID token in the response to this request */
  idTokenFaultOf: (request: IncomingMessage) => IdTokenFault | undefined;
};

export function createFaultInjection(counters: Counters): FaultInjection {
  const active = new Map<string, Fault & { remaining: number }>();
  const idTokenFaults = new WeakMap<IncomingMessage, IdTokenFault>();
  const take = (endpoint: Endpoint): Fault | undefined => {
    const fault = active.get(endpoint) ?? active.get("all");
    if (fault === undefined) return undefined;
    fault.remaining -= 1;
    if (fault.remaining <= 0) active.delete(fault.endpoint);
    return fault;
  };
  return {
    faults: {
      set: (fault) => void active.set(fault.endpoint, { ...fault, remaining: fault.times ?? Infinity }),
      clear: () => active.clear(),
    },
    wrap: (inner) => (req, res) => {
      const endpoint = endpointOf((req.url ?? "/").split("?")[0] ?? "/");
      counters.add(endpoint);
      const fault = take(endpoint);
      if (fault?.idToken !== undefined) idTokenFaults.set(req, fault.idToken);
      if (fault === undefined) inner(req, res);
      else void applyFault({ fault, req, res, inner });
    },
    idTokenFaultOf: (request) => idTokenFaults.get(request),
  };
}

type FaultyRequest = { fault: Fault; req: IncomingMessage; res: ServerResponse; inner: RequestListener };

async function applyFault({ fault, req, res, inner }: FaultyRequest): Promise<void> {
  if (fault.delayMs !== undefined) await wait(fault.delayMs);
  await fault.processAfter;
  if (res.destroyed || req.socket.destroyed) return;
  if (fault.resetBeforeProcessing === true) return resetConnection(req);
  if (fault.status !== undefined) {
    req.resume();
    res.writeHead(fault.status, { "content-type": fault.contentType ?? "text/plain" });
    res.end(fault.body ?? "");
    return;
  }
  if (fault.resetAfterProcessing === true) replaceEnd(res, () => resetConnection(req));
  else if (fault.delayAfterMs !== undefined) delayEnd(res, wait(fault.delayAfterMs));
  else if (fault.respondAfter !== undefined) delayEnd(res, fault.respondAfter);
  inner(req, res);
}

function resetConnection(req: IncomingMessage): void {
  if (req.socket instanceof Socket) req.socket.resetAndDestroy();
}

/** Calls `instead` where the response would end: by then the request is processed and its effects are stored. */
function replaceEnd(res: ServerResponse, instead: () => void): void {
  res.write = () => true;
  res.end = () => {
    instead();
    return res;
  };
}

function delayEnd(res: ServerResponse, until: Promise<unknown>): void {
  const end = res.end.bind(res) as (...args: unknown[]) => ServerResponse;
  res.end = (...args: unknown[]) => {
    void until.then(() => end(...args));
    return res;
  };
}
