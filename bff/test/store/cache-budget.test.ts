// The bound of all session caches of a process.
import { describe, expect, it } from "vitest";
import { createCacheBudget, type CacheBudget } from "../../src/store/cache-budget.ts";

/** A cache that only knows the sizes of its entries. */
function createCache(budget: CacheBudget) {
  const sizes: number[] = [];
  const share = budget.join(() => {
    const size = sizes.shift();
    if (size === undefined) return false;
    share.remove(size);
    return true;
  });
  return {
    sizes,
    leave: share.leave,
    add(size: number, times = 1): void {
      for (let count = 0; count < times; count++) {
        sizes.push(size);
        share.add(size);
      }
    },
  };
}

describe("the budget of the session caches", () => {
  it("the budget of the session caches lets one cache use all of it, and evicts its oldest entries beyond", () => {
    const cache = createCache(createCacheBudget({ entries: 3, characters: 100 }));
    for (const size of [1, 2, 3, 4]) cache.add(size);
    expect(cache.sizes).toEqual([2, 3, 4]);
    cache.add(96);
    expect(cache.sizes).toEqual([4, 96]);
  });

  it("evicts from the largest cache, so that a busy one does not empty the others", () => {
    const budget = createCacheBudget({ entries: 10, characters: 1_000 });
    const [busy, quiet] = [createCache(budget), createCache(budget)];
    quiet.add(10, 2);
    busy.add(10, 100);
    expect([busy.sizes.length, quiet.sizes.length]).toEqual([8, 2]);
    quiet.add(10, 3);
    expect([busy.sizes.length, quiet.sizes.length]).toEqual([5, 5]);
  });

  it("the budget of the session caches keeps nothing that alone exceeds it, and does not loop", () => {
    const cache = createCache(createCacheBudget({ entries: 3, characters: 100 }));
    cache.add(101);
    expect(cache.sizes).toEqual([]);
  });

  it("the budget of the session caches gives the part of a closed cache to the others", () => {
    const budget = createCacheBudget({ entries: 4, characters: 1_000 });
    const [first, second] = [createCache(budget), createCache(budget)];
    first.add(10, 3);
    first.leave();
    second.add(10, 4);
    expect(second.sizes).toHaveLength(4);
  });
});
