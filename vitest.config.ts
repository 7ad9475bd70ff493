import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["bff", "packages/testing", "demo", "spa", "deploy", "scripts", "tools"],
    // Real processes on two cores: more workers only make them wait for each other.
    maxWorkers: 2,
  },
});
