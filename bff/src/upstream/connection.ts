// One connection to an upstream that knows what was said on it: only so can be told whether a request that failed was
// answered at all.
import type { Socket } from "node:net";
import { InterimResponses } from "./interim-responses.ts";
import { Client, type buildConnector, type Dispatcher } from "undici";

type ConnectOptions = Parameters<buildConnector.connector>[0];

/** What a handler is told about the connection that serves it, as it was when its request was sent. */
export class Traces {
  /** Whether the connection had served another request before. */
  readonly isReused: boolean;
  readonly #socket: Socket | undefined;
  readonly #bytesBefore: number;

  constructor(socket: Socket | undefined, isReused: boolean) {
    this.isReused = isReused;
    this.#socket = socket;
    this.#bytesBefore = socket?.bytesRead ?? 0;
  }

  /** Whether anything at all has come from the upstream since this request was sent. */
  isAnswered(): boolean {
    return this.#socket === undefined || this.#socket.bytesRead !== this.#bytesBefore;
  }
}

export type TracedHandler = Dispatcher.DispatchHandler & { connection: Connection | undefined };

export type ConnectionOptions = Client.Options & { connect: buildConnector.connector };

export class Connection extends Client {
  /** Kept by connection-pool.ts. */
  isIdle = false;
  #socket: Socket | undefined;
  #served = 0;
  readonly #interim: InterimResponses;

  constructor(origin: URL, options: ConnectionOptions) {
    const { connect } = options;
    const interim = new InterimResponses();
    super(origin, {
      ...options,
      connect: (to: ConnectOptions, done: buildConnector.Callback) =>
        connect(to, (...result: Parameters<buildConnector.Callback>) => {
          this.#socket = result[1] ?? undefined;
          this.#served = 0;
          if (this.#socket !== undefined) interim.watch(this.#socket);
          done(...result);
        }),
    });
    this.#interim = interim;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    (handler as TracedHandler).connection = this;
    return super.dispatch(options, handler);
  }

  /** To be asked when a request is about to be sent. */
  trace(): Traces {
    this.#interim.expect();
    return new Traces(this.#socket, this.#served++ > 0);
  }
}
