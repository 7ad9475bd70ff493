// Open connections of a client with its own access token: what ends them, and what does not.
import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { UpstreamConfig } from "../../src/config/config.ts";
import { GatewayError, type ErrorCode } from "../../src/errors.ts";
import type { Authorized } from "../../src/proxy/authorize.ts";
import { createTokenWatch } from "../../src/proxy/token-watch.ts";

const CHECK_EVERY_MS = 30_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Watches a token whose later authorizations have the outcome of `again`. */
function watch({ lifeMs, again }: { lifeMs: number; again: () => ErrorCode | number }) {
  const ends: ErrorCode[] = [];
  const calls = { authorize: 0 };
  const authorize = async (): Promise<Authorized> => {
    calls.authorize += 1;
    const outcome = again();
    if (typeof outcome === "string") throw new GatewayError(outcome);
    const client = { scheme: "Bearer" as const, proof: undefined, holder: "robot", validUntilMs: outcome };
    return { accessToken: "token", client };
  };
  const watchToken = createTokenWatch({ authorize, checkEveryMs: CHECK_EVERY_MS });
  const token = { request: {} as IncomingMessage, upstream: {} as UpstreamConfig, validUntilMs: Date.now() + lifeMs };
  return { ends, calls, stop: watchToken(token, ({ code }) => void ends.push(code)) };
}

it.each<[string, { again: ErrorCode; lifeMs: number; afterMs: number; ends: ErrorCode[] }]>([
  ["expires", { again: "invalid_token", lifeMs: 10_000, afterMs: 10_010, ends: ["invalid_token"] }],
  ["has not expired yet", { again: "invalid_token", lifeMs: 10_000, afterMs: 9_990, ends: [] }],
  ["has been revoked", { again: "invalid_token", lifeMs: Infinity, afterMs: 34_000, ends: ["invalid_token"] }],
  [
    "has lost a scope",
    { again: "insufficient_scope", lifeMs: Infinity, afterMs: 34_000, ends: ["insufficient_scope"] },
  ],
  ["cannot be validated", { again: "provider_unavailable", lifeMs: 600_000, afterMs: 590_000, ends: [] }],
  ["cannot be introspected at a limit", { again: "too_many_requests", lifeMs: 600_000, afterMs: 590_000, ends: [] }],
  [
    "expires during an outage",
    { again: "provider_unavailable", lifeMs: 600_000, afterMs: 600_010, ends: ["invalid_token"] },
  ],
  ["expires at a limit", { again: "too_many_requests", lifeMs: 600_000, afterMs: 600_010, ends: ["invalid_token"] }],
])("an open connection whose token %s", async (_what, { again, lifeMs, afterMs, ends }) => {
  const watched = watch({ lifeMs, again: () => again });
  await vi.advanceTimersByTimeAsync(afterMs);
  expect(watched.ends).toEqual(ends);
  await vi.advanceTimersByTimeAsync(ends.length * 600_000);
  expect(watched.ends, "once").toEqual(ends);
  watched.stop();
});

it("an open connection stays open as long as the provider extends the token", async () => {
  let untilMs = Date.now() + 20_000;
  const watched = watch({ lifeMs: 10_000, again: () => (Date.now() < untilMs ? untilMs : "invalid_token") });
  await vi.advanceTimersByTimeAsync(15_000);
  untilMs += 10_000;
  await vi.advanceTimersByTimeAsync(14_000);
  expect(watched.ends).toEqual([]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(watched.ends).toEqual(["invalid_token"]);
});

it("an open connection has one timer, and none once it is closed", async () => {
  const watched = watch({ lifeMs: Infinity, again: () => Infinity });
  await vi.advanceTimersByTimeAsync(10 * CHECK_EVERY_MS);
  expect(vi.getTimerCount()).toBe(1);
  const { authorize } = watched.calls;
  expect(authorize).toBeGreaterThan(5);
  watched.stop();
  await vi.advanceTimersByTimeAsync(10 * CHECK_EVERY_MS);
  expect([vi.getTimerCount(), watched.calls.authorize]).toEqual([0, authorize]);
});

it("a connection that is closed during a check is not ended again", async () => {
  const rejected = Promise.withResolvers<Authorized>();
  const ends: string[] = [];
  const watchToken = createTokenWatch({ authorize: () => rejected.promise, checkEveryMs: CHECK_EVERY_MS });
  const token = { request: {} as IncomingMessage, upstream: {} as UpstreamConfig, validUntilMs: Date.now() + 1_000 };
  const stop = watchToken(token, ({ code }) => void ends.push(code));
  await vi.advanceTimersByTimeAsync(2_000);
  stop();
  rejected.reject(new GatewayError("invalid_token"));
  await vi.advanceTimersByTimeAsync(600_000);
  expect([ends, vi.getTimerCount()]).toEqual([[], 0]);
});
