// Connection pool of one HTTP/1.1 upstream server: one request per connection at a time, idle connections reused LIFO.
import { errors, type Dispatcher } from "undici";
import { shaped } from "../lib/undici-client-shape.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";

type Options = ConnectionOptions & {
  /** Infinity: no limit. */
  maxConnections: number;
};
type Queued = { options: Dispatcher.DispatchOptions; handler: Dispatcher.DispatchHandler };

/**
 * undici's Pool scans its clients for a free one twice per request, O(n) in busy connections (4,000 visits beside 2,000
 * stalled uploads), and never removes clients without a socket. This pool takes the most recently idle connection in
 * O(1) and removes connections that are closed.
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

  /** Sends or queues the request. @returns false, which in undici means "wait for drain" and is not used here */
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
    // undici rejected invalid options: no "drain" event follows.
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
      // Emitted when the request has ended, with its response or with the connection.
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
    // indexOf is cheap: idle timeouts close the connections at the front first.
    if (connection.isIdle) this.#idle.splice(this.#idle.indexOf(connection), 1);
    if (this.#queue.length === 0) return;
    const next = this.#take();
    const queued = next === undefined ? undefined : this.#queue.shift();
    if (next !== undefined && queued !== undefined) this.#send(next, queued.options, queued.handler);
  }
}
