// Settings of session lifetimes, and of the limits on requests and connections.
import { wholeNumber, type Setting } from "./setting-shapes.ts";

export const SESSION_SETTINGS = {
  SESSION_IDLE_SECONDS: {
    path: "session.idleSeconds",
    scope: "application",
    schema: wholeNumber(10, 31_536_000),
    default: "1800",
    meaning: "Idle limit: a session ends after this many seconds without a request",
  },
  SESSION_MAX_SECONDS: {
    path: "session.maxSeconds",
    scope: "application",
    schema: wholeNumber(10, 31_536_000),
    default: "28800",
    meaning: "Absolute limit: a session ends this many seconds after login",
  },
  SESSIONS_PER_USER: {
    path: "session.perUser",
    scope: "application",
    schema: wholeNumber(0, 1_000),
    default: "0",
    meaning: "At most this many concurrent sessions per user: a further login ends the oldest; 0: no limit",
  },
  SESSION_CACHE_SECONDS: {
    path: "session.cacheSeconds",
    scope: "application",
    schema: wholeNumber(0, 3_600),
    default: "30",
    meaning:
      "Lifetime of session cache entries in seconds; the cache is used while Redis sends invalidations. 0: every request reads Redis. Must be equal on all instances",
  },
} as const satisfies Record<string, Setting>;

export const LIMIT_SETTINGS = {
  MAX_WAITING_REQUESTS: {
    path: "limits.waitingRequests",
    scope: "server",
    schema: wholeNumber(1, 1_000_000),
    default: "2000",
    meaning:
      "Load shedding: at most this many requests per process that wait for their response to begin, not counting uploads in progress; beyond that 503, except for logouts. Of several applications, each has a reserved part",
  },
  MAX_WAITING_PER_SESSION: {
    path: "limits.waitingPerSession",
    scope: "server",
    schema: wholeNumber(1, 1_000_000),
    meaning:
      "Of these, at most this many requests of one session to upstreams; beyond that 429. Unset: a quarter of `MAX_WAITING_REQUESTS`, at least 6 (the connections of a browser)",
  },
  MAX_WAITING_PER_ADDRESS: {
    path: "limits.waitingPerAddress",
    scope: "server",
    schema: wholeNumber(1, 1_000_000),
    meaning:
      "Of these, at most this many requests of one client address (of IPv6: one /64) without a verified session; beyond that 429. Unset: half of `MAX_WAITING_REQUESTS`, at least 6. Behind a proxy set `TRUSTED_PROXIES`; otherwise all clients share the proxy's address",
  },
  MAX_CONNECTIONS: {
    path: "limits.connections",
    scope: "server",
    schema: wholeNumber(1, 1_000_000),
    default: "20000",
    meaning: "At most this many open connections per process; further ones are closed immediately",
  },
  MAX_EVENT_STREAMS: {
    path: "limits.eventStreams",
    scope: "server",
    schema: wholeNumber(0, 1_000_000),
    default: "10000",
    meaning:
      "At most this many open event streams (/bff/events) per process, 32 per session and 128 per user; beyond that 429. Of several applications, each has a reserved part",
  },
} as const satisfies Record<string, Setting>;
