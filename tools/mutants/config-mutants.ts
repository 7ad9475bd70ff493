// Mutants of the settings.
import type { Mutant } from "./mutants.ts";

export const CONFIG_MUTANTS: readonly Mutant[] = [
  {
    breaks: "I7: a misspelt setting is ignored and the default used",
    file: "src/config/config.ts",
    find: "    ...unknown.faults,\n",
    replace: "",
    tests: ["test/config/unknown-settings.test.ts"],
  },
  {
    breaks: "I7: Kubernetes service links stop the start",
    file: "src/config/unknown-settings.ts",
    find: "if (isServiceLink(name, value)) continue;",
    replace: "",
    tests: ["test/config/unknown-settings.test.ts"],
  },
  {
    breaks: "I7: a secret keeps the line end of its file or variable",
    file: "src/config/setting-text.ts",
    find: "const text = raw.trim();",
    replace: "const text = raw;",
    tests: ["test/config/secret-text.test.ts"],
  },
  {
    breaks: "I7: an invalid MANAGEMENT_HOST is reported as HOST when several workers run",
    file: "src/cluster.ts",
    find: 'await listen(management, config.management, "MANAGEMENT_")',
    replace: 'await listen(management, config.management, "")',
    tests: ["test/http/listen.extended.test.ts"],
  },
];
