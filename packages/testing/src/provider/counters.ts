// How often each endpoint was asked and each grant was tried.

export const ENDPOINTS = [
  "discovery",
  "jwks",
  "authorization",
  "par",
  "token",
  "userinfo",
  "revocation",
  "end_session",
  "interaction",
  "other",
] as const;

export type Endpoint = (typeof ENDPOINTS)[number];

export type Counted =
  | Endpoint
  | "token:authorization_code"
  | "token:refresh_token"
  | "token:client_credentials"
  | "token:exchange"
  /** A refresh or token request that presented a spent refresh token. */
  | "refresh-token-reuse"
  | "backchannel-logout"
  | "backchannel-logout-undelivered";

export type Counters = {
  add: (what: Counted) => void;
  count: (what: Counted) => number;
  reset: () => void;
};

export function counters(): Counters {
  const counts = new Map<Counted, number>();
  return {
    add: (what) => counts.set(what, (counts.get(what) ?? 0) + 1),
    count: (what) => counts.get(what) ?? 0,
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
  [/^\/session\/end(\/|$)/, "end_session"],
  [/^\/interaction\//, "interaction"],
];

export function endpointOf(path: string): Endpoint {
  return BY_PATH.find(([pattern]) => pattern.test(path))?.[1] ?? "other";
}
