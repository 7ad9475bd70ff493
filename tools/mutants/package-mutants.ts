// Mutants of the packages for development: @cloakroom/vite and create-cloakroom.
import type { Mutant } from "./mutants.ts";

const VITE = "../packages/vite";
const CREATE = "../packages/create-cloakroom";

export const PACKAGE_MUTANTS: readonly Mutant[] = [
  {
    breaks: "vite: an inline configuration with secrets is readable by other users",
    file: `${VITE}/src/configuration.ts`,
    find: ", { mode: 0o600 }",
    replace: "",
    tests: [`${VITE}/test/configuration.test.ts`],
  },
  {
    breaks: "vite: settings that the file does not reference are set, which the gateway rejects",
    file: `${VITE}/src/configuration.ts`,
    find: "references === undefined || references.has(name)",
    replace: "references === undefined || name !== undefined",
    tests: [`${VITE}/test/configuration.test.ts`],
  },
  {
    breaks: "vite: a navigation with any Host is redirected to the public origin",
    file: `${VITE}/src/gateway-paths.ts`,
    find: "LOOPBACK.test(other.hostname) && other.port === port",
    replace: "other.port === port",
    tests: [`${VITE}/test/gateway-paths.test.ts`],
  },
  {
    breaks: "vite: a path that begins like a row belongs to the gateway",
    file: `${VITE}/src/gateway-paths.ts`,
    find: 'return next === "" || next === "/" || next === "?";',
    replace: "return true;",
    tests: [`${VITE}/test/gateway-paths.test.ts`],
  },
  {
    breaks: "vite: other ports of localhost get CORS permission for the gateway's paths",
    file: `${VITE}/src/plugin.ts`,
    find: "server.middlewares.stack.unshift(",
    replace: "server.middlewares.stack.push(",
    tests: [`${VITE}/test/dev-server.extended.test.ts`],
  },
  {
    breaks: "vite: a preview starts the embedded provider without being asked",
    file: `${VITE}/src/plugin.ts`,
    find: "if (options.preview === true)",
    replace: "if (options.preview !== false)",
    tests: [`${VITE}/test/dev-server.extended.test.ts`],
  },
  {
    breaks: "vite: the gateway outlives a server that is killed",
    file: `${VITE}/src/gateway-process.ts`,
    find: 'process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));',
    replace: "",
    tests: [`${VITE}/test/dev-server.extended.test.ts`],
  },
  {
    breaks: "create-cloakroom: a folder with files is accepted",
    file: `${CREATE}/src/create-project.ts`,
    find: "if (first !== undefined)",
    replace: 'if (first === "")',
    tests: [`${CREATE}/test/create-project.test.ts`],
  },
  {
    breaks: "create-cloakroom: the secret key is readable by other users",
    file: `${CREATE}/src/create-project.ts`,
    find: "`SECRET_KEYS=${values.secretKey}\\n`, 0o600)",
    replace: "`SECRET_KEYS=${values.secretKey}\\n`)",
    tests: [`${CREATE}/test/create-project.test.ts`],
  },
  {
    breaks: "create-cloakroom: a project gets the name of its folder unchanged",
    file: `${CREATE}/src/package-name.ts`,
    find: '.replace(/[^a-z0-9._~-]+/g, "-")',
    replace: "",
    tests: [`${CREATE}/test/package-name.test.ts`],
  },
];
