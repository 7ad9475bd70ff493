// Load shedding: bounds on the requests that wait for their responses, in all (503), per session and per client address
// (429). Requests that end a session are never refused.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { BlockList } from "node:net";
import type { Context, Next } from "koa";
import type { WaitingLimits } from "../config.ts";
import { GatewayError } from "../errors.ts";
import { createInFlightTable, type InFlight } from "../in-flight.ts";
import { Roll, type Place } from "../roll.ts";
import { isBelow } from "../paths.ts";
import { clientAddress } from "./client-address.ts";
import { hasBody, rawPath, requestState, type RequestState } from "./request-state.ts";

/**
 * Pause between two counts, per waiting request; counting 2,000 takes 1 to 3 ms. The longer pause applies while the last
 * count was below every limit, so that many uploads in progress cost the other requests a few percent at most.
 */
const PAUSE_PER_REQUEST_MS = { atLimit: 0.01, below: 0.05 };

/** A request that waits, and whose quota it counts in. */
export type WaitingRequest = {
  readonly response: ServerResponse;
  /** A session once it is verified, before that a client address; undefined while neither is known. */
  owner: InFlight | undefined;
};

export type WaitingQuotas = {
  /** @throws GatewayError too_many_requests | overloaded */
  enter(ctx: Context): Place<WaitingRequest>;
  leave(place: Place<WaitingRequest>): void;
  /** From here on the request counts for its verified session. @throws GatewayError too_many_requests */
  countForSession(state: RequestState, session: InFlight): void;
};

/**
 * A request waits until its response has begun: open streams cost little and may be many. Whatever is slow (an upstream,
 * Redis, this process) makes requests pile up here, so their number measures overload whatever its cause.
 * Requests that wait for their own browser's body are not counted, so that slow uploads cannot trigger shedding.
 */
export function createWaitingQuotas(limits: WaitingLimits & { trustedProxies: BlockList }): WaitingQuotas {
  const { maxWaiting, maxPerSession, maxPerAddress, trustedProxies } = limits;
  const waiting = new Roll<WaitingRequest>();
  const addresses = createInFlightTable();
  let sending = 0;
  let countedMs = -Infinity;

  const countFor = (member: WaitingRequest, owner: InFlight | undefined): void => {
    if (member.owner !== undefined) member.owner.count--;
    member.owner = owner;
    if (owner !== undefined) owner.count++;
  };
  const addressOf = (request: IncomingMessage): InFlight => addresses.of(clientAddress(request, trustedProxies));

  /** Slow senders may be many: walking past them for every request that comes would be an attack of its own. */
  const recount = (pausePerRequestMs: number): void => {
    const nowMs = performance.now();
    if (nowMs < countedMs + waiting.size * pausePerRequestMs) return;
    countedMs = nowMs;
    sending = 0;
    for (const { member } of waiting.places()) if (member.owner !== undefined) member.owner.sending = 0;
    for (const place of waiting.places()) {
      const { member } = place;
      const { req } = member.response;
      if (isOver(member)) {
        countFor(member, undefined);
        waiting.leave(place);
        continue;
      }
      if (member.owner === undefined && mayBeShed(req)) countFor(member, addressOf(req));
      if (!waitsForItsBrowser(req)) continue;
      sending++;
      if (member.owner !== undefined) member.owner.sending++;
    }
  };
  const isFull = (): boolean => {
    if (waiting.size - sending < maxWaiting) return false;
    recount(PAUSE_PER_REQUEST_MS.atLimit);
    return waiting.size - sending >= maxWaiting;
  };
  const isAtLimit = (owner: InFlight, max: number): boolean => {
    if (owner.count - owner.sending < max) return false;
    recount(PAUSE_PER_REQUEST_MS.atLimit);
    return owner.count - owner.sending >= max;
  };
  /** Client addresses are only looked at while one of them could have reached its limit. */
  const admit = (member: WaitingRequest): void => {
    const { req } = member.response;
    if (waiting.size < Math.min(maxPerAddress, maxWaiting) || !mayBeShed(req)) return;
    recount(PAUSE_PER_REQUEST_MS.below);
    const address = addressOf(req);
    if (isAtLimit(address, maxPerAddress)) throw tooMany("MAX_WAITING_PER_ADDRESS");
    if (isFull()) throw new GatewayError("overloaded", { reason: `${waiting.size} requests are waiting` });
    countFor(member, address);
  };
  return {
    enter(ctx) {
      const member: WaitingRequest = { response: ctx.res, owner: undefined };
      admit(member);
      requestState(ctx).waiting = member;
      return waiting.join(member);
    },
    leave(place) {
      if (place.member !== undefined) countFor(place.member, undefined);
      waiting.leave(place);
    },
    countForSession({ waiting: member }, session) {
      // It waits for nothing any more, and may have been taken out already.
      if (member === undefined || member.owner === session || isOver(member)) return;
      if (isAtLimit(session, maxPerSession)) throw tooMany("MAX_WAITING_PER_SESSION");
      countFor(member, session);
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

/** Everything that came of its body has been taken, and more is to come. Where we are the slow ones some is left. */
function waitsForItsBrowser(request: IncomingMessage): boolean {
  return !request.complete && request.readableLength === 0 && hasBody(request);
}

const ENDS_A_SESSION: ReadonlySet<string> = new Set(["/bff/logout", "/bff/logout/provider", "/bff/backchannel-logout"]);

function mayBeShed({ url = "", method }: IncomingMessage): boolean {
  // The app's own files come from memory.
  if (isBelow(url, "/api")) return true;
  if (!isBelow(url, "/bff") || ENDS_A_SESSION.has(rawPath(url))) return false;
  return !(method === "DELETE" && isBelow(url, "/bff/sessions"));
}
