// Load shedding: bounds on the requests that wait for their responses, in all (503), per session and per client address
// (429). Requests that end a session are always admitted.
import type { IncomingMessage } from "node:http";
import type { BlockList } from "node:net";
import type { Context, Next } from "koa";
import type { WaitingLimits } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { createInFlightTable, isAtLimit, type InFlight } from "../lib/in-flight.ts";
import { LinkedList, type ListNode } from "../lib/linked-list.ts";
import { isBelow } from "../lib/paths.ts";
import { createSharedQuota, type SharedQuota } from "../lib/shared-quota.ts";
import { networkOf } from "./address-network.ts";
import { clientAddress } from "./client-address.ts";
import type { RouteTable } from "./route-table.ts";
import { rawPath, requestState, type RequestState } from "./request-state.ts";
import { WaitingRequest } from "./waiting-request.ts";

/** Minimum interval between two scans, per waiting request: a scan of 2,000 takes 1 to 3 ms. */
const SCAN_INTERVAL_PER_REQUEST_MS = 0.01;

/** Shared by the applications of the process. */
export type SharedWaiting = { total: SharedQuota; addresses: ReturnType<typeof createInFlightTable> };

export function createSharedWaiting({ maxWaiting }: Pick<WaitingLimits, "maxWaiting">): SharedWaiting {
  return { total: createSharedQuota(maxWaiting), addresses: createInFlightTable() };
}

type QuotaOptions = WaitingLimits & {
  trustedProxies: BlockList;
  routes: Pick<RouteTable, "find">;
  shared: SharedWaiting;
};

export type WaitingQuotas = {
  /** @throws GatewayError too_many_requests | overloaded */
  acquire(ctx: Context): ListNode<WaitingRequest>;
  release(node: ListNode<WaitingRequest>): void;
  /** Moves the request from its address's quota to that of its verified session. @throws GatewayError too_many_requests */
  countForSession(state: RequestState, session: InFlight): void;
  /** The application is closed: its part of the process's quota is for the others. */
  leave(): void;
};

/**
 * A request waits until its response head is sent; open streams do not count. A slow upstream, Redis or process makes
 * requests accumulate, so their number measures overload whatever the cause.
 * Uploads in progress are not counted, so a slow POST cannot trigger shedding. The reader of the body reports their state
 * (`setSending`), so that no scan is needed.
 */
export function createWaitingQuotas(limits: QuotaOptions): WaitingQuotas {
  const { maxPerSession, maxPerAddress, trustedProxies, routes, shared } = limits;
  const { addresses } = shared;
  const waiting = new LinkedList<WaitingRequest>();
  const { counter: total, ...share } = shared.total.join(() => scan());
  let scannedMs = -Infinity;

  const addressOf = (request: IncomingMessage): InFlight =>
    addresses.of(networkOf(clientAddress(request, trustedProxies)));

  /** Removes requests that have ended while their handlers still run; assigns client addresses to requests without owner. */
  const scan = (): void => {
    const nowMs = performance.now();
    if (nowMs < scannedMs + waiting.size * SCAN_INTERVAL_PER_REQUEST_MS) return;
    scannedMs = nowMs;
    for (const node of waiting.nodes()) {
      const { member } = node;
      const { req } = member.response;
      if (isOver(member)) {
        member.release();
        waiting.remove(node);
      } else if (member.owner === undefined && mayBeShed(req, routes)) member.countFor(addressOf(req));
    }
  };
  const isReached = (counter: InFlight, max: number): boolean => {
    if (!isAtLimit(counter, max)) return false;
    share.tidyAll();
    return isAtLimit(counter, max);
  };
  /** Client addresses are parsed only if one of them, or the total, could have reached its limit. */
  const admit = (request: IncomingMessage): InFlight | undefined => {
    if (!share.isNear(maxPerAddress) || !mayBeShed(request, routes)) return undefined;
    share.tidyAll();
    const address = addressOf(request);
    if (isReached(address, maxPerAddress)) throw tooMany("MAX_WAITING_PER_ADDRESS");
    if (share.isFull()) throw new GatewayError("overloaded", { reason: `${total.count} requests are waiting` });
    return address;
  };
  return {
    acquire(ctx) {
      const address = admit(ctx.req);
      const member = new WaitingRequest(ctx.res, total);
      if (address !== undefined) member.countFor(address);
      requestState(ctx).waiting = member;
      return waiting.add(member);
    },
    release(node) {
      node.member?.release();
      waiting.remove(node);
    },
    countForSession({ waiting: member }, session) {
      // A request that is over no longer counts and may have been removed.
      if (member === undefined || member.owner === session || isOver(member)) return;
      if (isReached(session, maxPerSession)) throw tooMany("MAX_WAITING_PER_SESSION");
      member.countFor(session);
    },
    leave: share.leave,
  };
}

/** Load shedding middleware: rejects requests beyond the quotas. A request counts until the next middleware returns. */
export function loadShedding({ acquire, release }: Pick<WaitingQuotas, "acquire" | "release">) {
  return async function shedLoad(ctx: Context, next: Next): Promise<void> {
    const node = acquire(ctx);
    try {
      await next();
    } finally {
      release(node);
    }
  };
}

/** The response head was sent, or the browser has closed the connection. */
function isOver({ response }: WaitingRequest): boolean {
  return response.headersSent || response.destroyed;
}

function tooMany(setting: string): GatewayError {
  return new GatewayError("too_many_requests", { reason: `${setting} is reached`, retryAfterSeconds: 1 });
}

const ENDS_A_SESSION: ReadonlySet<string> = new Set(["/bff/logout", "/bff/logout/provider", "/bff/backchannel-logout"]);

function mayBeShed({ url = "", method }: IncomingMessage, routes: Pick<RouteTable, "find">): boolean {
  const { kind } = routes.find(url);
  // SPA files are served from memory and are not shed.
  if (kind !== "bff") return kind === "upstream";
  if (ENDS_A_SESSION.has(rawPath(url))) return false;
  return !(method === "DELETE" && isBelow(url, "/bff/sessions"));
}
