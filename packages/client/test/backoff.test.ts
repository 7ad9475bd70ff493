import { expect, test } from "vitest";
import { backoffMs } from "../src/backoff.ts";

test("delays grow exponentially up to 30 seconds", () => {
  const delays = [0, 1, 2, 3, 10, 5_000].map((attempt) => backoffMs(attempt, null, 0.5));
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 30_000, 30_000]);
});

test("a delay is never shorter than Retry-After", () => {
  expect(backoffMs(0, 20_000, 0)).toBe(20_000);
  expect(backoffMs(4, 1_000, 0.5)).toBe(16_000);
});

test("jitter spreads a delay by 25 % in both directions", () => {
  expect(backoffMs(3, null, 0)).toBe(6_000);
  expect(backoffMs(3, null, 1)).toBe(10_000);
});
