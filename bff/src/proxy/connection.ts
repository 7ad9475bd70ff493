// One connection to an upstream that knows what was said on it: only so can be told whether a request that failed was
// answered at all.
import type { Socket } from "node:net";
import { Client, type buildConnector, type Dispatcher } from "undici";

type ConnectOptions = Parameters<buildConnector.connector>[0];

/** What a handler is told about the connection that serves it. */
export type Traces = {
  /** Whether the connection had served another request before. */
  isReused: boolean;
  /** Whether anything at all has come from the upstream since this request was sent. */
  isAnswered: () => boolean;
};

export type TracedHandler = Dispatcher.DispatchHandler & { connection: Connection | undefined };

export class Connection extends Client {
  #socket: Socket | undefined;
  #served = 0;

  constructor(origin: URL, options: Client.Options & { connect: buildConnector.connector }) {
    const { connect } = options;
    super(origin, {
      ...options,
      connect: (to: ConnectOptions, done: buildConnector.Callback) =>
        connect(to, (...result: Parameters<buildConnector.Callback>) => {
          this.#socket = result[1] ?? undefined;
          this.#served = 0;
          done(...result);
        }),
    });
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    (handler as TracedHandler).connection = this;
    return super.dispatch(options, handler);
  }

  /** To be asked when a request is about to be sent. */
  trace(): Traces {
    const socket = this.#socket;
    const bytesBefore = socket?.bytesRead ?? 0;
    const isReused = this.#served++ > 0;
    return { isReused, isAnswered: () => socket === undefined || socket.bytesRead !== bytesBefore };
  }
}
