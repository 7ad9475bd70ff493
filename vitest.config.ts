import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["bff", "demo", "spa", "deploy", "scripts"],
    // Real processes on two cores: more workers only make them wait for each other.
    maxWorkers: 2,
  },
});
