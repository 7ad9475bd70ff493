// One waiting request in the quotas of load-shedding.ts: it counts in the total and for one owner, its client address or
// session.
import type { ServerResponse } from "node:http";
import type { InFlight, SendingObserver } from "../lib/in-flight.ts";

/** A class, since one is created for every request. */
export class WaitingRequest implements SendingObserver {
  readonly response: ServerResponse;
  readonly #total: InFlight;
  /** The session once verified, before that the client address; undefined while neither is determined. */
  owner: InFlight | undefined = undefined;
  #isSending = false;
  #isReleased = false;

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
    if (this.#isReleased || this.#isSending === isSending) return;
    this.#isSending = isSending;
    const step = isSending ? 1 : -1;
    this.#total.sending += step;
    if (this.owner !== undefined) this.owner.sending += step;
  }

  release(): void {
    if (this.#isReleased) return;
    this.setSending(false);
    this.countFor(undefined);
    this.#isReleased = true;
    this.#total.count--;
  }
}
