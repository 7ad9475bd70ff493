// Connection pool of one HTTP/1.1 upstream server: one request per connection, idle ones reused last in, first out.
import { errors, type Dispatcher } from "undici";
import { shaped } from "../lib/undici-client-shape.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";

type Options = ConnectionOptions & {
  /** Connections at once; Infinity: no limit. */
  maxConnections: number;
};
type Queued = { options: Dispatcher.DispatchOptions; handler: Dispatcher.DispatchHandler };

/**
 * undici's Pool walks through its clients to find one that is not busy, twice for every request: beside 2,000 stalled
 * uploads each request visits 4,000 busy clients. It also keeps clients without a socket for ever.
 * Here a request takes the last idle connection, and a connection that loses its socket leaves the pool.
 */
export class ConnectionPool {
  readonly #origin: URL;
  readonly #options: ConnectionOptions;
  readonly #maxConnections: number;
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];
  readonly #queue: Queued[] = [];
  #connected = 0;
  #isDestroyed = false;

  constructor(origin: string, { maxConnections, ...options }: Options) {
    this.#origin = new URL(origin);
    this.#options = options;
    this.#maxConnections = maxConnections;
  }

  get stats(): { readonly connected: number; readonly open: number } {
    return { connected: this.#connected, open: this.#all.size };
  }

  /** @returns false: as in undici, no statement about the request, which is sent or queued in either case */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const connection = this.#take();
    if (connection !== undefined) this.#send(connection, options, handler);
    else if (this.#isDestroyed) handler.onResponseError?.(null as never, new errors.ClientDestroyedError());
    else this.#queue.push({ options, handler });
    return false;
  }

  async destroy(): Promise<void> {
    this.#isDestroyed = true;
    for (const { handler } of this.#queue.splice(0))
      handler.onResponseError?.(null as never, new errors.ClientDestroyedError());
    await Promise.all(Array.from(this.#all, (connection) => connection.destroy()));
  }

  #take(): Connection | undefined {
    if (this.#isDestroyed) return undefined;
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    return this.#all.size < this.#maxConnections ? this.#open() : undefined;
  }

  #send(connection: Connection, options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    connection.isIdle = false;
    connection.dispatch(options, handler);
    // undici refused the request itself, so that no "drain" follows.
    if (connection.stats.size === 0) this.#release(connection);
  }

  #open(): Connection {
    const connection = shaped(new Connection(this.#origin, this.#options));
    let isConnected = false;
    this.#all.add(connection);
    connection
      .on("connect", () => {
        isConnected = true;
        this.#connected++;
      })
      .on("disconnect", () => {
        if (isConnected) this.#connected--;
        isConnected = false;
        if (connection.isIdle) this.#remove(connection);
      })
      // A request has ended: whether with its response or with the connection.
      .on("drain", () => (isConnected ? this.#release(connection) : this.#remove(connection)));
    return connection;
  }

  #release(connection: Connection): void {
    if (connection.isIdle || !this.#all.has(connection)) return;
    const queued = this.#queue.shift();
    if (queued !== undefined) return this.#send(connection, queued.options, queued.handler);
    connection.isIdle = true;
    this.#idle.push(connection);
  }

  #remove(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    // The longest idle ones are closed first, and found first.
    if (connection.isIdle) this.#idle.splice(this.#idle.indexOf(connection), 1);
    if (this.#queue.length === 0) return;
    const next = this.#take();
    const queued = next === undefined ? undefined : this.#queue.shift();
    if (next !== undefined && queued !== undefined) this.#send(next, queued.options, queued.handler);
  }
}
