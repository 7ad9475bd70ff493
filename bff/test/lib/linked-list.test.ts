// Those who are present, and what is left of those who have gone.
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { LinkedList, type ListNode } from "../../src/lib/linked-list.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as (options: { type: "minor" | "major" }) => void;

type Guest = { name: string };
const namesOf = (roll: LinkedList<Guest>) => [...roll.places()].map(({ member }) => member.name);

it("keeps its members in the order of their coming, whoever leaves", () => {
  const roll = new LinkedList<Guest>();
  const places = ["a", "b", "c", "d"].map((name) => roll.join({ name }));
  const [a, b, , d] = places as [ListNode<Guest>, ListNode<Guest>, ListNode<Guest>, ListNode<Guest>];
  roll.leave(b);
  roll.leave(b);
  expect(namesOf(roll)).toEqual(["a", "c", "d"]);
  roll.leave(a);
  roll.leave(d);
  roll.join({ name: "e" });
  expect([namesOf(roll), roll.size, roll.first?.name]).toEqual([["c", "e"], 2, "c"]);
});

it("lets the one who is visited leave", () => {
  const roll = new LinkedList<Guest>();
  for (const name of ["a", "b", "c"]) roll.join({ name });
  for (const place of roll.places()) roll.leave(place);
  expect([roll.size, roll.first]).toEqual([0, undefined]);
});

it("keeps nobody alive who came after its oldest traces: a collection of young objects finds them dead", () => {
  const roll = new LinkedList<Guest>();
  const present: ListNode<Guest>[] = [];
  const come = (count: number): void => {
    for (; count > 0; count--) {
      present.push(roll.join({ name: "somebody" }));
      if (present.length > 8) roll.leave(present.shift() as ListNode<Guest>);
    }
  };
  // Whoever is present at two collections has grown old, and is dead by the time of the next.
  for (let time = 0; time < 10; time++) {
    come(40);
    collectGarbage({ type: "minor" });
    collectGarbage({ type: "minor" });
  }
  const keptBytes: number[] = [];
  for (let time = 0; time < 10; time++) {
    const usedBytes = getHeapStatistics().used_heap_size;
    come(20_000);
    collectGarbage({ type: "minor" });
    collectGarbage({ type: "minor" });
    keptBytes.push((getHeapStatistics().used_heap_size - usedBytes) / 20_000);
  }
  // The place alone of each guest takes 40 bytes. (A full collection that V8 decides on would hide them once.)
  expect(Math.max(...keptBytes.slice(1))).toBeLessThan(20);
});
