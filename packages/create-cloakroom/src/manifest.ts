// package.json of the project. Versions of Cloakroom's packages are the version of this package.
import type { PackageManager } from "./package-manager.ts";
import type { Template } from "./template-files.ts";

/** As in this repository's workspaces; a unit test compares them. */
export const VERSIONS = {
  "@playwright/test": "1.65.1",
  "@types/node": "22.20.5",
  "@types/react": "19.3.0",
  "@types/react-dom": "19.3.0",
  "@vitejs/plugin-react": "6.3.0",
  react: "19.3.1",
  "react-dom": "19.3.1",
  typescript: "7.0.2",
  vite: "8.3.8",
} as const;

type Dependency = keyof typeof VERSIONS;

/** The gateway runs in production; the rest is needed to build and to test. */
const RUNTIME = ["@cloakroom/gateway"];

const OF_TEMPLATE: Readonly<Record<Template, { own: readonly string[]; others: readonly Dependency[] }>> = {
  react: {
    own: ["@cloakroom/client", "@cloakroom/react"],
    others: ["@types/react", "@types/react-dom", "@vitejs/plugin-react", "react", "react-dom"],
  },
  vanilla: { own: ["@cloakroom/client"], others: [] },
};
const OF_ALL = {
  own: ["@cloakroom/testing", "@cloakroom/vite"],
  others: ["@playwright/test", "@types/node", "typescript", "vite"],
} as const;

/** @returns the names of Cloakroom's packages that the project uses */
export function ownPackages(template: Template): string[] {
  return [...RUNTIME, ...OF_TEMPLATE[template].own, ...OF_ALL.own];
}

type ManifestOptions = {
  name: string;
  template: Template;
  manager: PackageManager;
  /** Of Cloakroom's packages by name, for example `0.1.0` or `file:vendor/cloakroom-vite-0.1.0.tgz`. */
  specifiers: Readonly<Record<string, string>>;
};

export function manifest({ name, template, manager, specifiers }: ManifestOptions): Record<string, unknown> {
  const own = ownPackages(template);
  const others = [...OF_TEMPLATE[template].others, ...OF_ALL.others];
  const development = {
    ...Object.fromEntries(own.filter((each) => !RUNTIME.includes(each)).map((each) => [each, specifiers[each]])),
    ...Object.fromEntries(others.map((each) => [each, VERSIONS[each]])),
  };
  return {
    name,
    version: "0.0.0",
    private: true,
    type: "module",
    scripts: {
      dev: "vite",
      build: "tsc --noEmit && vite build",
      start:
        "node --env-file-if-exists=.env node_modules/@cloakroom/gateway/bin/cloakroom.mjs start --config cloakroom.yaml",
      test: "vite build && playwright test",
    },
    dependencies: Object.fromEntries(RUNTIME.map((each) => [each, specifiers[each]])),
    devDependencies: Object.fromEntries(Object.entries(development).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    engines: { node: ">=22.22" },
    ...overrides(manager, specifiers),
  };
}

/** Tarballs depend on each other by version: these managers would look in the registry for them. */
function overrides(manager: PackageManager, specifiers: Readonly<Record<string, string>>): Record<string, unknown> {
  const isNeeded = (manager === "yarn" || manager === "bun") && hasTarballs(specifiers);
  return isNeeded ? { resolutions: specifiers } : {};
}

type Files = { path: string; content: string }[];

/** @returns the settings that the project needs in a file of its package manager */
export function managerFiles(manager: PackageManager, specifiers: Readonly<Record<string, string>>): Files {
  // Without Plug'n'Play, which TypeScript and the script `start` do not support. Yarn 1 ignores the file.
  if (manager === "yarn") return [{ path: ".yarnrc.yml", content: "nodeLinker: node-modules\n" }];
  if (manager !== "pnpm" || !hasTarballs(specifiers)) return [];
  const lines = Object.entries(specifiers).map(([name, specifier]) => `  "${name}": "${specifier}"\n`);
  return [{ path: "pnpm-workspace.yaml", content: `overrides:\n${lines.join("")}` }];
}

function hasTarballs(specifiers: Readonly<Record<string, string>>): boolean {
  return Object.values(specifiers).some((specifier) => specifier.startsWith("file:"));
}
