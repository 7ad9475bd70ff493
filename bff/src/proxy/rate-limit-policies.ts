// The rate limits that apply to one request, and their response headers (draft-ietf-httpapi-ratelimit-headers-11).
import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { BlockList } from "node:net";
import type { RateLimit } from "../config/rate-limit.ts";
import { networkOf } from "../http/address-network.ts";
import { clientAddress } from "../http/client-address.ts";
import type { RequestState } from "../http/request-state.ts";
import { userIndex, type UserName } from "../session/indexes.ts";
import type { RateLimitCounter } from "../store/store.ts";

export type LimitedRequest = {
  request: IncomingMessage;
  upstream: Readonly<{ prefix: string; rateLimit?: RateLimit | undefined }>;
  state: RequestState;
};

export type Policy = RateLimitCounter & {
  name: "per-user" | "per-address";
  /** Unique in the process. */
  key: string;
};

/** @param user undefined: anonymous, or not authorized */
export function policiesOf(
  { upstream, request }: LimitedRequest,
  user: UserName | undefined,
  trustedProxies: BlockList,
): Policy[] {
  const { perUser, perAddress } = upstream.rateLimit ?? {};
  const policies: Policy[] = [];
  if (perUser !== undefined && user !== undefined)
    policies.push(policyOf("user", hashOfUser(user), upstream.prefix, perUser));
  const address = perAddress === undefined ? "" : clientAddress(request, trustedProxies);
  if (perAddress !== undefined && address !== "")
    policies.push(policyOf("address", hash("sha256", networkOf(address), "base64url"), upstream.prefix, perAddress));
  return policies;
}

type Limit = NonNullable<RateLimit["perUser"]>;

function policyOf(kind: Policy["kind"], hashed: string, prefix: string, { requests, seconds }: Limit): Policy {
  const name = `per-${kind}` as const;
  return { kind, name, hash: hashed, key: `${prefix} ${kind} ${hashed}`, requests, windowMs: seconds * 1_000 };
}

const userHashes = new WeakMap<UserName, string>();

/** The name of the user's index of sessions: no user is named in Redis. */
function hashOfUser(user: UserName): string {
  const known = userHashes.get(user);
  if (known !== undefined) return known;
  const hashed = userIndex(user).hash;
  userHashes.set(user, hashed);
  return hashed;
}

/** Names are Strings of Structured Fields (RFC 9651). */
export function policyHeader(policies: readonly Policy[]): string[] {
  const items = policies.map(({ name, requests, windowMs }) => `"${name}";q=${requests};w=${windowMs / 1_000}`);
  return ["RateLimit-Policy", items.join(", ")];
}

export function limitHeader(states: readonly { name: string; remaining: number; resetMs: number }[]): string[] {
  const items = states.map(({ name, remaining, resetMs }) => `"${name}";r=${remaining};t=${secondsOf(resetMs)}`);
  return ["RateLimit", items.join(", ")];
}

/** Rounded up: a request after this time is admitted. */
export function secondsOf(ms: number): number {
  return Math.ceil(ms / 1_000);
}
