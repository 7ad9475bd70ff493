import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // One second, the default, is shorter than a busy machine needs; a poll that succeeds does not wait.
    expect: { poll: { timeout: 10_000 } },
    projects: ["bff", "packages/testing", "demo", "spa", "deploy", "scripts", "tools"],
    // Real processes on two cores: more workers only make them wait for each other.
    maxWorkers: 2,
  },
});
