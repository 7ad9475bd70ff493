// Which of an upstream's addresses takes a request, and who waits while all of them are busy.
import type { ServerResponse } from "node:http";
import type { UpstreamConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { Address } from "./upstream-server.ts";

export type Balancer = {
  /**
   * Takes a place at an address; whoever takes it must release it.
   * @param isRepeatable whether it can be sent elsewhere should this address turn out to be down
   * @returns undefined while all places are taken, or others wait for one
   * @throws GatewayError upstream_unavailable where no address may be asked now
   */
  take(isRepeatable: boolean): Address | undefined;
  /** As take, for a second attempt. @returns undefined where there is no other address that could take it */
  takeOther(than: Address): Address | undefined;
  /**
   * Waits for a place.
   * @returns undefined where the browser has left
   * @throws GatewayError upstream_unavailable where too many wait already, or it took too long
   */
  wait(response: ServerResponse): Promise<Address | undefined>;
  release(address: Address): void;
  /** Requests that wait. */
  queued(): number;
};

type Rules = Pick<UpstreamConfig, "maxConnections" | "maxQueued" | "queueTimeoutMs" | "breakerFailures">;
type Waiter = { grant: (address: Address) => void; refuse: (error: GatewayError) => void };

/** @param onRefused is told of every request that gets no place */
export function createBalancer(addresses: readonly Address[], rules: Rules, onRefused: () => void): Balancer {
  const { maxQueued, queueTimeoutMs } = rules;
  const max = rules.maxConnections === 0 ? Infinity : rules.maxConnections;
  const waiting = new Set<Waiter>();
  const choose = addresses.length === 1 && addresses[0] ? single(addresses[0], max) : several(addresses, max, rules);

  const place = (address: Address | undefined): Address | undefined => {
    if (address !== undefined) address.inFlight++;
    return address;
  };
  const serveWaiting = (): void => {
    for (const waiter of waiting) {
      try {
        const address = place(choose({ isRepeatable: true }));
        if (address === undefined) return;
        waiter.grant(address);
      } catch (error) {
        waiter.refuse(error as GatewayError);
      }
    }
  };
  return {
    take(isRepeatable) {
      if (waiting.size > 0) return undefined;
      try {
        return place(choose({ isRepeatable }));
      } catch (error) {
        onRefused();
        throw error;
      }
    },
    takeOther(than) {
      try {
        return waiting.size > 0 || addresses.length === 1
          ? undefined
          : place(choose({ except: than, isRepeatable: false }));
      } catch {
        // The first attempt's own fault is the one to tell.
        return undefined;
      }
    },
    async wait(response) {
      if (waiting.size >= maxQueued) {
        onRefused();
        throw busy("too many requests wait for a connection to the upstream");
      }
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          waiting.delete(waiter);
          clearTimeout(timer);
          response.off("close", onBrowserGone);
        };
        const onBrowserGone = (): void => {
          leave();
          resolve(undefined);
        };
        const refuse = (error: GatewayError): void => {
          leave();
          onRefused();
          reject(error);
        };
        const grant = (address: Address): void => {
          leave();
          resolve(address);
        };
        const waiter = { grant, refuse };
        const timer = setTimeout(() => refuse(busy("no connection to the upstream came free in time")), queueTimeoutMs);
        waiting.add(waiter);
        response.once("close", onBrowserGone);
      });
    },
    release(address) {
      address.inFlight--;
      if (waiting.size > 0) serveWaiting();
    },
    queued: () => waiting.size,
  };
}

/** @returns undefined where it is busy. @throws GatewayError upstream_unavailable */
type Choose = (request: { except?: Address; isRepeatable: boolean }) => Address | undefined;

function single(only: Address, max: number): Choose {
  return () => {
    if (only.inFlight >= max) return undefined;
    if (only.breaker.isOpen()) throw leftAlone([only]);
    return only;
  };
}

/**
 * The least busy of those that work. One that has failed is left alone, and asked again by one request in a period.
 * Where all have failed, the one that failed least is tried until it is given up: a restart of one address after
 * another closes nothing.
 */
function several(addresses: readonly Address[], max: number, { breakerFailures }: Rules): Choose {
  let turn = 0;
  const leastFailed = (except: Address | undefined): Address | undefined => {
    const tolerable = breakerFailures === 0 ? Infinity : breakerFailures;
    return addresses
      .filter((address) => address !== except && address.inFlight < max && address.breaker.failures() < tolerable)
      .toSorted((a, b) => a.breaker.failures() - b.breaker.failures())[0];
  };
  return ({ except, isRepeatable }) => {
    turn = (turn + 1) % addresses.length;
    let best: Address | undefined;
    let works = false;
    for (let step = 0; step < addresses.length; step++) {
      const address = addresses[(turn + step) % addresses.length];
      if (address === undefined || address === except) continue;
      const isWorking = address.breaker.failures() === 0;
      works ||= isWorking;
      if (address.inFlight >= max) continue;
      // A write would be lost with the attempt: it asks only where no reader comes.
      if (!isWorking && address.breaker.acquireProbe(!isRepeatable)) return address;
      if (isWorking && (best === undefined || address.inFlight < best.inFlight)) best = address;
    }
    if (best !== undefined || works) return best;
    const tried = leastFailed(except);
    if (tried === undefined) throw leftAlone(addresses);
    return tried;
  };
}

function busy(reason: string): GatewayError {
  return new GatewayError("upstream_unavailable", { reason, retryAfterSeconds: 1 });
}

function leftAlone(addresses: readonly Address[]): GatewayError {
  const retryAfterMs = Math.min(...addresses.map(({ breaker }) => breaker.retryAfterMs()));
  return new GatewayError("upstream_unavailable", {
    reason: "the upstream could not be connected to several times in a row and is left alone",
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)),
  });
}
