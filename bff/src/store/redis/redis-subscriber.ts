// Redis pub/sub: one connection for the channels of all applications, reopened with exponential backoff. Messages published
// while it is disconnected are lost; `onSubscribed` tells the owner of a channel to check for missed ones.
import type { Redis } from "ioredis";
import { connectSubscriber, type ConnectionOptions } from "./redis-connection.ts";

type SubscriberOptions = ConnectionOptions & { onError?: ((error: unknown) => void) | undefined };

type ChannelListener = {
  onMessage: (message: string) => void;
  /** Subscribed: messages from now on are received, earlier ones may be missing. */
  onSubscribed: () => void;
};

export type RedisSubscription = { isSubscribed: () => boolean; close: () => void };

export type RedisSubscriber = {
  /** A channel has one subscription at a time. */
  subscribe(channel: string, listener: ChannelListener): RedisSubscription;
  close(): void;
};

type Channel = ChannelListener & { name: string; isSubscribed: boolean };

/** Heartbeat that detects a dead connection. */
const PING_EVERY_MS = 1_000;
const MAX_BACKOFF_MS = 500;

/** Connects with the first subscription: the command line needs no second connection. */
// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function createRedisSubscriber(options: SubscriberOptions): RedisSubscriber {
  const channels = new Map<string, Channel>();
  let current: Redis | undefined;
  let isClosed = false;
  let attempts = 0;
  let failures = 0;

  const fail = (client: Redis, error: unknown): void => {
    if (isClosed) return;
    options.onError?.(error);
    client.disconnect();
  };
  /** @returns the error, undefined if the channel is subscribed or no longer wanted */
  const trySubscribe = async (client: Redis, channel: Channel): Promise<unknown> => {
    const isCurrent = () => current === client && channels.get(channel.name) === channel;
    try {
      await client.subscribe(channel.name);
    } catch (error) {
      return isCurrent() ? error : undefined;
    }
    failures = 0;
    if (!isCurrent()) return undefined;
    channel.isSubscribed = true;
    channel.onSubscribed();
    return undefined;
  };
  /** An ACL may lack the channel of one application: the others keep the connection, and this one is tried again. */
  const subscribe = async (client: Redis, channel: Channel): Promise<void> => {
    const error = await trySubscribe(client, channel);
    if (error === undefined) return;
    options.onError?.(error);
    setTimeout(() => (current === client ? void subscribe(client, channel) : undefined), MAX_BACKOFF_MS).unref();
  };
  const subscribeAll = async (client: Redis): Promise<void> => {
    const wanted = [...channels.values()];
    const errors = await Promise.all(wanted.map((channel) => trySubscribe(client, channel)));
    const failed = wanted.filter((_channel, index) => errors[index] !== undefined);
    if (failed.length === 0) return;
    // Another server may accept what this one rejects altogether.
    if (failed.length === wanted.length) return fail(client, errors[0]);
    for (const channel of failed) void subscribe(client, channel);
  };
  const open = (): void => {
    const client = connectSubscriber(options, attempts++);
    current = client;
    let pings: NodeJS.Timeout | undefined;
    client.on("error", (error: unknown) => options.onError?.(error));
    client.on("message", (name, message) => channels.get(name)?.onMessage(message));
    client.once("ready", () => {
      pings = setInterval(() => void client.ping().catch((error: unknown) => fail(client, error)), PING_EVERY_MS);
      pings.unref();
      void subscribeAll(client);
    });
    client.once("end", () => {
      clearInterval(pings);
      for (const channel of channels.values()) channel.isSubscribed = false;
      if (isClosed) return;
      const backoffMs = Math.min(20 * 2 ** failures++, MAX_BACKOFF_MS) * (0.75 + Math.random() / 2);
      setTimeout(() => (isClosed ? undefined : open()), backoffMs).unref();
    });
  };
  return {
    subscribe(name, listener) {
      const channel = { name, ...listener, isSubscribed: false };
      channels.set(name, channel);
      if (current === undefined) open();
      else if (current.status === "ready") void subscribe(current, channel);
      return {
        isSubscribed: () => channel.isSubscribed,
        close() {
          if (channels.get(name) !== channel) return;
          channels.delete(name);
          channel.isSubscribed = false;
          // A failed UNSUBSCRIBE is harmless: its messages have no listener.
          if (current?.status === "ready") current.unsubscribe(name).catch(() => undefined);
        },
      };
    },
    close() {
      isClosed = true;
      current?.disconnect();
    },
  };
}
