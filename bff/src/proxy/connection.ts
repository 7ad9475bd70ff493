// One connection to an upstream that knows what was said on it: only so can be told whether a request that failed was
// answered at all.
import type { Socket } from "node:net";
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

export class Connection {
  #socket: Socket | undefined = undefined;
  #served = 0;

  begin(socket: Socket | null): void {
    this.#socket = socket ?? undefined;
    this.#served = 0;
  }

  /** To be asked when a request is about to be sent. */
  trace(): Traces {
    return new Traces(this.#socket, this.#served++ > 0);
  }
}

export type TracedHandler = Dispatcher.DispatchHandler & { connection: Connection | undefined };

/**
 * Not a class of its own: undici's innermost functions are compiled for one kind of client, and become slow for
 * everybody where there are more.
 */
export function createConnection(origin: URL, options: Client.Options & { connect: buildConnector.connector }): Client {
  const connection = new Connection();
  const connect = (to: ConnectOptions, done: buildConnector.Callback): void =>
    options.connect(to, (...result: Parameters<buildConnector.Callback>) => {
      connection.begin(result[1]);
      done(...result);
    });
  const client = new Client(origin, { ...options, connect });
  const dispatch = client.dispatch.bind(client);
  client.dispatch = (asked, handler) => {
    (handler as TracedHandler).connection = connection;
    return dispatch(asked, handler);
  };
  return client;
}
