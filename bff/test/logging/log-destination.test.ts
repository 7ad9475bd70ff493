// Lines are gathered, and none is lost or late.
import { afterEach, expect, it, vi } from "vitest";
import { createLogDestination } from "../../src/logging/log-destination.ts";

function destination() {
  const writes: string[] = [];
  let syncs = 0;
  const output = { write: (text: string) => void writes.push(text), flushSync: () => void syncs++ };
  return { ...createLogDestination(output), writes, syncs: () => syncs };
}

afterEach(() => void vi.useRealTimers());

it("lines leave together and in order", () => {
  const { write, flush, writes } = destination();
  write("one\n");
  write("two\n");
  expect(writes).toEqual([]);
  flush();
  expect(writes).toEqual(["one\ntwo\n"]);
  flush();
  expect(writes).toHaveLength(1);
});

it("a line that nothing follows leaves within a second", () => {
  vi.useFakeTimers();
  const { write, writes } = destination();
  for (const line of ["one\n", "two\n"]) {
    write(line);
    vi.advanceTimersByTime(1_000);
    expect(writes.at(-1)).toBe(line);
  }
});

it("lines do not pile up between two writes", () => {
  const { write, writes } = destination();
  const line = `${"x".repeat(999)}\n`;
  for (let count = 0; count < 100; count++) write(line);
  expect(writes.length).toBeGreaterThan(1);
  expect(Math.max(...writes.map(({ length }) => length))).toBeLessThan(100_000);
});

it("before the process ends everything is written and waited for", () => {
  const { write, flushSync, writes, syncs } = destination();
  write("last words\n");
  flushSync();
  expect([writes, syncs()]).toEqual([["last words\n"], 1]);
});
