// A quota that applications share: no application starves another, and one alone can use all of it.
import { describe, expect, it } from "vitest";
import { createSharedQuota, type QuotaShare } from "../../src/lib/shared-quota.ts";

/** @returns how many units the application acquires until it is rejected */
function fill({ counter, isFull }: QuotaShare, atMost = Infinity): number {
  let acquired = 0;
  for (; acquired < atMost && !isFull(); acquired++) counter.count++;
  return acquired;
}

describe("a shared quota", () => {
  it.each([1, 2, 7, 2_000])("of %i is used up by one application", (limit) => {
    expect(fill(createSharedQuota(limit).join())).toBe(limit);
  });

  it.each([
    [2, 100],
    [3, 100],
    [50, 2_000],
    [50, 99],
    [50, 10],
  ])(
    "of several applications (%i, quota %i) is never exceeded, and greedy ones leave the others their part",
    (n, limit) => {
      const quota = createSharedQuota(limit);
      const shares = Array.from({ length: n }, () => quota.join());
      const reserved = Math.floor(limit / 2 / n);
      const used = shares.map((share) => fill(share));
      expect(used[0]).toBe(limit - reserved * (n - 1));
      for (const each of used.slice(1)) expect(each).toBe(reserved);
      expect(used.reduce((sum, each) => sum + each, 0)).toBe(limit);
    },
  );

  it("admits an application again after a unit of the common part is released", () => {
    const quota = createSharedQuota(8);
    const [first, second] = [quota.join(), quota.join()];
    expect(fill(first)).toBe(6);
    expect(fill(second)).toBe(2);
    first.counter.count--;
    expect(second.isFull()).toBe(false);
  });

  it.each([
    [1, 20],
    [2, 20],
    [7, 20],
    [50, 20],
  ])("of %i applications is near before one of them is full", (n, limit) => {
    const quota = createSharedQuota(limit);
    const shares = Array.from({ length: n }, () => quota.join());
    expect(shares[0]?.isNear(Infinity)).toBe(false);
    for (let step = 0; step < 3 * limit; step++) {
      const share = shares[(step * step) % n]!;
      if (!share.isFull()) share.counter.count++;
      for (const each of shares) if (each.isFull()) expect(each.isNear(Infinity)).toBe(true);
    }
    expect(shares[0]?.isNear(0)).toBe(true);
  });

  it("a shared quota does not count uploads in progress", () => {
    const share = createSharedQuota(2).join();
    fill(share);
    share.counter.sending = 1;
    expect(share.isFull()).toBe(false);
  });

  it("releases what other applications no longer use before it rejects one", () => {
    const quota = createSharedQuota(4);
    const over = { count: 0 };
    const first = quota.join(() => (first.counter.count -= over.count));
    const second = quota.join();
    expect([fill(first), fill(second)]).toEqual([3, 1]);
    over.count = 2;
    expect(second.isFull()).toBe(false);
  });

  it("a shared quota returns the part of an application that has left", () => {
    const quota = createSharedQuota(8);
    const [first, second] = [quota.join(), quota.join()];
    second.leave();
    expect(fill(first)).toBe(8);
  });
});
