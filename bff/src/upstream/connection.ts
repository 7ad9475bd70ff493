// HTTP/1.1 connection to an upstream server: undici's Client that also records whether response bytes were received.
// undici's errors do not distinguish a failure before the response from one within its head; retries depend on it.
import type { Socket } from "node:net";
import { InterimResponses } from "./interim-responses.ts";
import { Client, type buildConnector, type Dispatcher } from "undici";

type ConnectOptions = Parameters<buildConnector.connector>[0];

/** State of the connection at the moment when a request was sent on it. */
export class ConnectionTrace {
  /** Whether an earlier request was sent on this connection. */
  readonly isReused: boolean;
  readonly #socket: Socket | undefined;
  readonly #bytesBefore: number;

  constructor(socket: Socket | undefined, isReused: boolean) {
    this.isReused = isReused;
    this.#socket = socket;
    this.#bytesBefore = socket?.bytesRead ?? 0;
  }

  /** Whether any byte was received since the request was sent; true if the socket is unknown. */
  hasReceivedBytes(): boolean {
    return this.#socket === undefined || this.#socket.bytesRead !== this.#bytesBefore;
  }
}

export type TracedHandler = Dispatcher.DispatchHandler & { connection: Connection | undefined };

export type ConnectionOptions = Client.Options & { connect: buildConnector.connector };

export class Connection extends Client {
  /** Maintained by ConnectionPool. */
  isIdle = false;
  #socket: Socket | undefined;
  #sentRequests = 0;
  readonly #interim: InterimResponses;

  constructor(origin: URL, options: ConnectionOptions) {
    const { connect } = options;
    const interim = new InterimResponses();
    super(origin, {
      ...options,
      connect: (to: ConnectOptions, done: buildConnector.Callback) =>
        connect(to, (...result: Parameters<buildConnector.Callback>) => {
          this.#socket = result[1] ?? undefined;
          this.#sentRequests = 0;
          if (this.#socket !== undefined) interim.attach(this.#socket);
          done(...result);
        }),
    });
    this.#interim = interim;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    (handler as TracedHandler).connection = this;
    return super.dispatch(options, handler);
  }

  /** Call it immediately before a request is sent. */
  startTrace(): ConnectionTrace {
    this.#interim.expectResponse();
    return new ConnectionTrace(this.#socket, this.#sentRequests++ > 0);
  }
}
