// One request that waits for its response, and the counters in which it counts: all requests, then its client address or
// session.
import type { ServerResponse } from "node:http";
import type { InFlight, SendingObserver } from "../lib/in-flight.ts";

/** A request that waits, and whose quota it counts in. A class, for one is made for every request. */
export class WaitingRequest implements SendingObserver {
  readonly response: ServerResponse;
  readonly #total: InFlight;
  /** A session once it is verified, before that a client address; undefined while neither is known. */
  owner: InFlight | undefined = undefined;
  #isSending = false;
  #hasLeft = false;

  constructor(response: ServerResponse, total: InFlight) {
    this.response = response;
    this.#total = total;
    total.count++;
  }

  countFor(owner: InFlight | undefined): void {
    const sending = this.#isSending ? 1 : 0;
    if (this.owner !== undefined) {
      this.owner.count--;
      this.owner.sending -= sending;
    }
    this.owner = owner;
    if (owner === undefined) return;
    owner.count++;
    owner.sending += sending;
  }

  setSending(isSending: boolean): void {
    if (this.#hasLeft || this.#isSending === isSending) return;
    this.#isSending = isSending;
    const step = isSending ? 1 : -1;
    this.#total.sending += step;
    if (this.owner !== undefined) this.owner.sending += step;
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.setSending(false);
    this.countFor(undefined);
    this.#hasLeft = true;
    this.#total.count--;
  }
}
