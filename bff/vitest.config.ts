import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // One second, the default, is shorter than a busy machine needs; a poll that succeeds does not wait.
    expect: { poll: { timeout: 10_000 } },
    name: "bff",
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
