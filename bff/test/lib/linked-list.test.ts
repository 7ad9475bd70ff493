// Doubly linked list: order, removal during iteration, and no memory retained by removed nodes.
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { LinkedList, type ListNode } from "../../src/lib/linked-list.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as (options: { type: "minor" | "major" }) => void;

type Member = { name: string };
const namesOf = (list: LinkedList<Member>) => [...list.nodes()].map(({ member }) => member.name);

it("the linked list iterates in insertion order after removals at either end and in the middle", () => {
  const list = new LinkedList<Member>();
  const nodes = ["a", "b", "c", "d"].map((name) => list.add({ name }));
  const [a, b, , d] = nodes as [ListNode<Member>, ListNode<Member>, ListNode<Member>, ListNode<Member>];
  list.remove(b);
  list.remove(b);
  expect(namesOf(list)).toEqual(["a", "c", "d"]);
  list.remove(a);
  list.remove(d);
  list.add({ name: "e" });
  expect([namesOf(list), list.size, list.first?.name]).toEqual([["c", "e"], 2, "c"]);
});

it("the linked list allows removal of the current node during iteration", () => {
  const list = new LinkedList<Member>();
  for (const name of ["a", "b", "c"]) list.add({ name });
  for (const node of list.nodes()) list.remove(node);
  expect([list.size, list.first]).toEqual([0, undefined]);
});

it("removed nodes are freed by a minor garbage collection", () => {
  const list = new LinkedList<Member>();
  const nodes: ListNode<Member>[] = [];
  const addAndRemove = (count: number): void => {
    for (; count > 0; count--) {
      nodes.push(list.add({ name: "member" }));
      if (nodes.length > 8) list.remove(nodes.shift() as ListNode<Member>);
    }
  };
  // Nodes that survive two minor collections are promoted to the old generation, and are removed before the next ones.
  for (let time = 0; time < 10; time++) {
    addAndRemove(40);
    collectGarbage({ type: "minor" });
    collectGarbage({ type: "minor" });
  }
  const keptBytes: number[] = [];
  for (let time = 0; time < 10; time++) {
    const usedBytes = getHeapStatistics().used_heap_size;
    addAndRemove(20_000);
    collectGarbage({ type: "minor" });
    collectGarbage({ type: "minor" });
    keptBytes.push((getHeapStatistics().used_heap_size - usedBytes) / 20_000);
  }
  // A node alone takes 40 bytes. The first sample is skipped: a full collection that V8 starts itself could hide a leak there.
  expect(Math.max(...keptBytes.slice(1))).toBeLessThan(20);
});
