// A response that rejects the access token, held back until it is known whether the request is repeated with another one.
import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";

/** Longer bodies are paused, not discarded. */
const MAX_HELD_BYTES = 65_536;

type ResponseHandler = {
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void;
  onResponseEnd(): void;
  onResponseError(controller: Dispatcher.DispatchController, error: Error): void;
};

export class HeldResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly #chunks: Buffer[] = [];
  /** Undefined while more of the body may follow. */
  end: "complete" | Error | undefined = undefined;
  #bytes = 0;

  constructor(status: number, headers: IncomingHttpHeaders) {
    this.status = status;
    this.headers = headers;
  }

  add(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_HELD_BYTES) controller.pause();
  }

  ended(end: "complete" | Error): void {
    this.end = end;
  }

  /** Calls `handler` as if what has arrived of the body, and its end, arrived now. A paused body stays paused. */
  replay(handler: ResponseHandler, controller: Dispatcher.DispatchController): void {
    for (const chunk of this.#chunks) handler.onResponseData(controller, chunk);
    if (this.end === "complete") handler.onResponseEnd();
    if (this.end instanceof Error) handler.onResponseError(controller, this.end);
  }
}
