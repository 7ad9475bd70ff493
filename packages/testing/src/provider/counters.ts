// Counters of requests by endpoint and of protocol events.

export const ENDPOINTS = [
  "discovery",
  "jwks",
  "authorization",
  "par",
  "token",
  "userinfo",
  "revocation",
  "introspection",
  "end_session",
  "interaction",
  "other",
] as const;

export type Endpoint = (typeof ENDPOINTS)[number];

export type CounterName =
  | Endpoint
  | "token:authorization_code"
  | "token:refresh_token"
  | "token:client_credentials"
  | "token:exchange"
  /** A token request with a refresh token that had already been used. */
  | "refresh-token-reuse"
  | "backchannel-logout"
  | "backchannel-logout-undelivered";

export type Counters = {
  add: (name: CounterName) => void;
  count: (name: CounterName) => number;
  reset: () => void;
};

export function createCounters(): Counters {
  const counts = new Map<CounterName, number>();
  return {
    add: (name) => counts.set(name, (counts.get(name) ?? 0) + 1),
    count: (name) => counts.get(name) ?? 0,
    reset: () => counts.clear(),
  };
}

const BY_PATH: readonly (readonly [RegExp, Endpoint])[] = [
  [/^\/\.well-known\//, "discovery"],
  [/^\/jwks$/, "jwks"],
  [/^\/auth(\/|$)/, "authorization"],
  [/^\/request$/, "par"],
  [/^\/token$/, "token"],
  [/^\/me$/, "userinfo"],
  [/^\/token\/revocation$/, "revocation"],
  [/^\/token\/introspection$/, "introspection"],
  [/^\/session\/end(\/|$)/, "end_session"],
  [/^\/interaction\//, "interaction"],
];

export function endpointOf(path: string): Endpoint {
  return BY_PATH.find(([pattern]) => pattern.test(path))?.[1] ?? "other";
}
