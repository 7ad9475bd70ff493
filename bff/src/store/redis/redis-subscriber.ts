// Redis pub/sub subscriber: one connection, reopened with exponential backoff. Messages published while it is
// disconnected are lost; `onSubscribed` tells the owner to check for missed ones.
import { connectSubscriber, type ConnectionOptions } from "./redis-connection.ts";

type SubscriberOptions = ConnectionOptions & {
  channel: string;
  onMessage: (message: string) => void;
  /** Subscribed: messages from now on are received, earlier ones may be missing. */
  onSubscribed: () => void;
  onError?: (error: unknown) => void;
};

/** Heartbeat that detects a dead connection. */
const PING_EVERY_MS = 1_000;
const MAX_BACKOFF_MS = 500;

export type RedisSubscriber = { isSubscribed: () => boolean; close: () => void };

export function createRedisSubscriber(options: SubscriberOptions): RedisSubscriber {
  let isClosed = false;
  let isSubscribed = false;
  let current: ReturnType<typeof connectSubscriber>;
  let attempts = 0;
  let failures = 0;

  const open = (): void => {
    const client = connectSubscriber(options, attempts++);
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
        isSubscribed = true;
        pings = setInterval(() => void client.ping().catch(fail), PING_EVERY_MS).unref();
        options.onSubscribed();
      }, fail);
    });
    client.once("end", () => {
      clearInterval(pings);
      isSubscribed = false;
      if (isClosed) return;
      const backoffMs = Math.min(20 * 2 ** failures++, MAX_BACKOFF_MS) * (0.75 + Math.random() / 2);
      setTimeout(() => (isClosed ? undefined : open()), backoffMs).unref();
    });
  };
  open();
  return {
    isSubscribed: () => isSubscribed,
    close() {
      isClosed = true;
      current.disconnect();
    },
  };
}
