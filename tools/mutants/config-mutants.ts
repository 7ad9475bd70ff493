// Mutants of the settings.
import type { Mutant } from "./mutants.ts";

export const CONFIG_MUTANTS: readonly Mutant[] = [
  {
    breaks: "I7: a misspelt setting is ignored and the default used",
    file: "src/config/config.ts",
    find: "const all = [...faults, ...unknown.faults, ",
    replace: "const all = [...faults, ",
    tests: ["test/config/unknown-settings.test.ts"],
  },
  {
    breaks: "I7: an unknown key of the configuration file is ignored",
    file: "src/config/file/setting-tree.ts",
    find: "place.faults.push({ at, path, message: unknownKey(key, group, { ...place, inner }) });",
    replace: "",
    tests: ["test/config/file"],
  },
  {
    breaks: "I7: the last one of two equal keys wins",
    file: "src/config/file/yaml-tree.ts",
    find: "if (earlierLine !== undefined)",
    replace: "if (earlierLine === -1)",
    tests: ["test/config/file"],
  },
  {
    breaks: "I7: aliases of the configuration file multiply without a limit",
    file: "src/config/file/yaml-tree.ts",
    find: "if (size > MAX_VALUES)",
    replace: "if (size > Infinity)",
    tests: ["test/config/file"],
  },
  {
    breaks: "I7: settings of an application in the environment have no effect beside a file",
    file: "src/config/file/load-config-file.ts",
    find: ", ...misplacedVariables(others, file)",
    replace: "",
    tests: ["test/config/file"],
  },
  {
    breaks: "I9: two applications of one file share a host, and with it their cookies",
    file: "src/config/file/application-rules.ts",
    find: "if (sameHost !== undefined)",
    replace: "if (sameHost === -1)",
    tests: ["test/config/file"],
  },
  {
    breaks: "I9: an application keeps the rows of the top level beside its own",
    file: "src/config/file/application-source.ts",
    find: ".filter(([name]) => !replaced.includes(name))",
    replace: "",
    tests: ["test/config/file"],
  },
  {
    breaks: "a referenced value may reference further variables",
    file: "src/config/file/references.ts",
    find: 'if (value !== undefined && value !== "") return value;',
    replace: 'if (value !== undefined && value !== "") return expandReferences(value, env).text;',
    tests: ["test/config/file"],
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
