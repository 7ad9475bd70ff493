import { defineConfig } from "vitest/config";

export default defineConfig({
  root: import.meta.dirname,
  test: {
    // One second, the default, is shorter than a busy machine needs; a poll that succeeds does not wait.
    expect: { poll: { timeout: 10_000 } },
    include: ["test/**/*.test.ts"],
    maxWorkers: 1,
  },
});
