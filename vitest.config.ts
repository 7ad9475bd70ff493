// Vitest projects by layer. `*.integration.test.ts` and `*.extended.test.ts` name the tests that need Redis or child
// processes, and those that only `npm run test:all` runs.
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

/** Set by npm run coverage: Node then writes the coverage of this process and of its children. */
const isCoverage = process.env["NODE_V8_COVERAGE"] !== undefined;

/** Integration tests mostly wait for processes and timeouts: two workers more than the two cores of the CI machine. */
const MAX_WORKERS = 4;

type ProjectOptions = { include: string[]; exclude?: string[]; isolate?: boolean };

function project(
  name: string,
  { include, exclude = [], isolate = false }: ProjectOptions,
): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include,
      exclude: [...configDefaults.exclude, ...exclude],
      // Workers are reused: starting one per file takes twice the CPU time. Modules are loaded anew for each file.
      isolate: isolate || isCoverage,
      maxWorkers: MAX_WORKERS,
      testTimeout: 20_000,
      hookTimeout: 30_000,
      // One second, the default, is shorter than a busy machine needs; a poll that succeeds does not wait.
      expect: { poll: { timeout: 10_000 } },
      ...(isCoverage
        ? { setupFiles: ["scripts/coverage/write-coverage.ts"], experimental: { viteModuleRunner: false } }
        : {}),
    },
  };
}

const NOT_UNIT = ["**/*.integration.test.ts", "**/*.extended.test.ts"];

export default defineConfig({
  test: {
    maxWorkers: MAX_WORKERS,
    projects: [
      project("unit", {
        include: [
          "bff/test/**/*.test.ts",
          "scripts/test/**/*.test.ts",
          "tools/{mutants,chaos}/test/{up-to-date,checker}.test.ts",
        ],
        exclude: NOT_UNIT,
      }),
      project("integration", { include: ["bff/test/**/*.integration.test.ts"] }),
      project("spa", { include: ["spa/test/**/*.test.ts"] }),
      project("packages", {
        include: ["packages/{client,react,vite,create-cloakroom}/test/**/*.test.ts?(x)"],
        exclude: NOT_UNIT,
      }),
      project("demo", {
        include: ["demo/test/**/*.test.ts", "packages/testing/test/**/*.test.ts"],
        exclude: ["**/*.extended.test.ts"],
      }),
      project("deploy", { include: ["deploy/test/**/*.test.ts"], exclude: ["**/*.extended.test.ts"] }),
      project("extended", { include: ["**/*.extended.test.ts"] }),
      project("chaos", { include: ["tools/chaos/test/**/*.test.ts"], exclude: ["**/checker.test.ts"] }),
    ],
  },
});
