// Hearing what other instances tell through Redis: one connection that only listens, opened again for as long as it
// takes. What was told while it was away is lost: `onListening` says that there was a gap, and that it is over.
import { connectListener, type ConnectionOptions } from "./redis-connection.ts";

type Options = ConnectionOptions & {
  channel: string;
  onMessage: (message: string) => void;
  /** From now on every message comes; those before may be missing. */
  onListening: () => void;
  onError?: (error: unknown) => void;
};

/** A connection that says nothing may be dead: asked so often, and given up where no answer comes. */
const PING_EVERY_MS = 1_000;
const LONGEST_PAUSE_MS = 500;

export type RedisSubscriber = { isListening: () => boolean; close: () => void };

export function createRedisSubscriber(options: Options): RedisSubscriber {
  let isClosed = false;
  let isListening = false;
  let current: ReturnType<typeof connectListener>;
  let attempts = 0;
  let failures = 0;

  const open = (): void => {
    const client = connectListener(options, attempts++);
    current = client;
    let pings: NodeJS.Timeout | undefined;
    const fail = (error: unknown): void => {
      if (isClosed) return;
      options.onError?.(error);
      client.disconnect();
    };
    client.on("error", (error: unknown) => options.onError?.(error));
    client.on("message", (_channel, message) => options.onMessage(message));
    client.once("ready", () => {
      client.subscribe(options.channel).then(() => {
        failures = 0;
        isListening = true;
        pings = setInterval(() => void client.ping().catch(fail), PING_EVERY_MS).unref();
        options.onListening();
      }, fail);
    });
    client.once("end", () => {
      clearInterval(pings);
      isListening = false;
      if (isClosed) return;
      const pauseMs = Math.min(20 * 2 ** failures++, LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2);
      setTimeout(() => (isClosed ? undefined : open()), pauseMs).unref();
    });
  };
  open();
  return {
    isListening: () => isListening,
    close() {
      isClosed = true;
      current.disconnect();
    },
  };
}
