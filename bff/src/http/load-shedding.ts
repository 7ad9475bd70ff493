// Load shedding: bounds on the requests that wait for their responses, in all (503), per session and per client address
// (429). Requests that end a session are never refused.
import type { IncomingMessage } from "node:http";
import type { BlockList } from "node:net";
import type { Context, Next } from "koa";
import type { WaitingLimits } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { createInFlight, createInFlightTable, type InFlight } from "../lib/in-flight.ts";
import { LinkedList, type ListNode } from "../lib/linked-list.ts";
import { isBelow } from "../lib/paths.ts";
import { clientAddress } from "./client-address.ts";
import { rawPath, requestState, type RequestState } from "./request-state.ts";
import { WaitingRequest } from "./waiting-request.ts";

/** Pause between two walks past all waiting requests, for each of them: 2,000 take 1 to 3 ms. */
const PAUSE_PER_REQUEST_MS = 0.01;

export type WaitingQuotas = {
  /** @throws GatewayError too_many_requests | overloaded */
  enter(ctx: Context): ListNode<WaitingRequest>;
  leave(place: ListNode<WaitingRequest>): void;
  /** From here on the request counts for its verified session. @throws GatewayError too_many_requests */
  countForSession(state: RequestState, session: InFlight): void;
};

/**
 * A request waits until its response has begun: open streams cost little and may be many. Whatever is slow (an upstream,
 * Redis, this process) makes requests pile up here, so their number measures overload whatever its cause.
 * Requests that wait for their own browser's body are not counted, so that slow uploads cannot trigger shedding; the
 * reader of the body reports it (`setSending`), so that no request has to walk past the others.
 */
export function createWaitingQuotas(limits: WaitingLimits & { trustedProxies: BlockList }): WaitingQuotas {
  const { maxWaiting, maxPerSession, maxPerAddress, trustedProxies } = limits;
  const waiting = new LinkedList<WaitingRequest>();
  const total = createInFlight();
  const addresses = createInFlightTable();
  let walkedMs = -Infinity;

  const addressOf = (request: IncomingMessage): InFlight => addresses.of(clientAddress(request, trustedProxies));

  /** Removes requests that are over but whose handlers still run, and finds the address of those without an owner. */
  const walk = (): void => {
    const nowMs = performance.now();
    if (nowMs < walkedMs + waiting.size * PAUSE_PER_REQUEST_MS) return;
    walkedMs = nowMs;
    for (const place of waiting.nodes()) {
      const { member } = place;
      const { req } = member.response;
      if (isOver(member)) {
        member.leave();
        waiting.remove(place);
      } else if (member.owner === undefined && mayBeShed(req)) member.countFor(addressOf(req));
    }
  };
  const isAtLimit = (counter: InFlight, max: number): boolean => {
    if (counter.count - counter.sending < max) return false;
    walk();
    return counter.count - counter.sending >= max;
  };
  /** Client addresses are only looked at while one of them could have reached its limit. */
  const admit = (request: IncomingMessage): InFlight | undefined => {
    if (total.count - total.sending < Math.min(maxPerAddress, maxWaiting) || !mayBeShed(request)) return undefined;
    walk();
    const address = addressOf(request);
    if (isAtLimit(address, maxPerAddress)) throw tooMany("MAX_WAITING_PER_ADDRESS");
    if (isAtLimit(total, maxWaiting))
      throw new GatewayError("overloaded", { reason: `${total.count} requests are waiting` });
    return address;
  };
  return {
    enter(ctx) {
      const address = admit(ctx.req);
      const member = new WaitingRequest(ctx.res, total);
      if (address !== undefined) member.countFor(address);
      requestState(ctx).waiting = member;
      return waiting.add(member);
    },
    leave(place) {
      place.member?.leave();
      waiting.remove(place);
    },
    countForSession({ waiting: member }, session) {
      // It waits for nothing any more, and may have been taken out already.
      if (member === undefined || member.owner === session || isOver(member)) return;
      if (isAtLimit(session, maxPerSession)) throw tooMany("MAX_WAITING_PER_SESSION");
      member.countFor(session);
    },
  };
}

/** Refuses a request at once while too many wait. A request counts until the middleware after this one has returned. */
export function shedding({ enter, leave }: Pick<WaitingQuotas, "enter" | "leave">) {
  return async function shedLoad(ctx: Context, next: Next): Promise<void> {
    const place = enter(ctx);
    try {
      await next();
    } finally {
      leave(place);
    }
  };
}

/** The response has begun, or its browser has left. */
function isOver({ response }: WaitingRequest): boolean {
  return response.headersSent || response.destroyed;
}

function tooMany(setting: string): GatewayError {
  return new GatewayError("too_many_requests", { reason: `${setting} is reached`, retryAfterSeconds: 1 });
}

const ENDS_A_SESSION: ReadonlySet<string> = new Set(["/bff/logout", "/bff/logout/provider", "/bff/backchannel-logout"]);

function mayBeShed({ url = "", method }: IncomingMessage): boolean {
  // The app's own files come from memory.
  if (isBelow(url, "/api")) return true;
  if (!isBelow(url, "/bff") || ENDS_A_SESSION.has(rawPath(url))) return false;
  return !(method === "DELETE" && isBelow(url, "/bff/sessions"));
}
