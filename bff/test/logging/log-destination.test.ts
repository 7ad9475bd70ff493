// Buffered log destination.
import { afterEach, expect, it, vi } from "vitest";
import { createLogDestination } from "../../src/logging/log-destination.ts";

function destination() {
  const writes: string[] = [];
  let syncs = 0;
  const output = { write: (text: string) => void writes.push(text), flushSync: () => void syncs++ };
  return { ...createLogDestination(output), writes, syncs: () => syncs };
}

afterEach(() => void vi.useRealTimers());

it("flush writes the buffered lines together and in order", () => {
  const { write, flush, writes } = destination();
  write("one\n");
  write("two\n");
  expect(writes).toEqual([]);
  flush();
  expect(writes).toEqual(["one\ntwo\n"]);
  flush();
  expect(writes).toHaveLength(1);
});

it("a single line is written within a second", () => {
  vi.useFakeTimers();
  const { write, writes } = destination();
  for (const line of ["one\n", "two\n"]) {
    write(line);
    vi.advanceTimersByTime(1_000);
    expect(writes.at(-1)).toBe(line);
  }
});

it("a full buffer is written before more lines are added", () => {
  const { write, writes } = destination();
  const line = `${"x".repeat(999)}\n`;
  for (let count = 0; count < 100; count++) write(line);
  expect(writes.length).toBeGreaterThan(1);
  expect(Math.max(...writes.map(({ length }) => length))).toBeLessThan(100_000);
});

it("flushSync writes the buffer and waits for the output", () => {
  const { write, flushSync, writes, syncs } = destination();
  write("last line\n");
  flushSync();
  expect([writes, syncs()]).toEqual([["last line\n"], 1]);
});
