// One runtime per project, which outlives restarts of Vite's server: sessions survive a change of vite.config.ts.
import { createRuntime, type Reporter, type Runtime, type RuntimeOptions } from "./runtime.ts";

/** Identifies one HTTP server of Vite. */
type Owner = object;

export type Slot = {
  runtime(): Runtime | undefined;
  /** A server was created. Vite creates the next server before it closes the previous one. */
  expect(owner: Owner): void;
  /** The server listens. Keeps the running gateway if its options are equal. */
  use(owner: Owner, options: RuntimeOptions, reporter: Reporter): void;
  /**
   * The server was closed. Stops the gateway unless the next server has been created. `isFinal`: Vite ends.
   * Resolves when the gateway has stopped.
   */
  release(owner: Owner, options?: { isFinal?: boolean }): Promise<void>;
};

/** Time from the end of one server to the start of the next. */
const RESTART_MS = 10_000;

/** The module can be loaded several times: by the configuration of each restart, and from source. */
const SLOTS = Symbol.for("@cloakroom/vite:slots");
const slots = ((globalThis as { [SLOTS]?: Map<string, Slot> })[SLOTS] ??= new Map());

export function slotOf(name: string): Slot {
  const existing = slots.get(name);
  if (existing !== undefined) return existing;
  const slot = createSlot();
  slots.set(name, slot);
  return slot;
}

function createSlot(): Slot {
  let current: { runtime: Runtime; key: string; owner: Owner } | undefined;
  let expected: Owner | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopping = Promise.resolve();

  const stop = (): Promise<void> => {
    clearTimeout(timer);
    const stopped = current;
    current = undefined;
    if (stopped !== undefined) stopping = stopping.then(() => stopped.runtime.stop());
    return stopping;
  };
  return {
    runtime: () => current?.runtime,
    expect(owner) {
      expected = owner;
    },
    use(owner, options, reporter) {
      clearTimeout(timer);
      if (expected === owner) expected = undefined;
      const key = JSON.stringify(options);
      if (current?.key === key) {
        current.owner = owner;
        current.runtime.reportTo(reporter);
        return;
      }
      const ports = stop();
      current = { runtime: createRuntime(options, reporter, ports), key, owner };
    },
    async release(owner, { isFinal = false } = {}) {
      if (expected === owner) expected = undefined;
      if (current?.owner !== owner) return stopping;
      if (expected === undefined || isFinal) return stop();
      timer = setTimeout(() => void stop(), RESTART_MS);
      timer.unref();
      return undefined;
    },
  };
}
