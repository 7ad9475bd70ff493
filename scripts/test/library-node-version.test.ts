// The entry points of the packages on an old Node, with which `npm install` only warns: one sentence instead of a SyntaxError
// about a missing export. The old Node is simulated: its version, and builtin modules without what it lacks.
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { expect, test } from "vitest";

const OLD = "20.20.2";

/** Exports of builtin modules of Node 22.22 that Node 20.20 lacks. */
const MISSING = {
  dns: ["resolveTlsa"],
  fs: ["glob", "globSync"],
  "fs/promises": ["glob"],
  http: ["CloseEvent", "MessageEvent", "WebSocket"],
  module: ["constants", "enableCompileCache", "findPackageJSON", "registerHooks", "stripTypeScriptTypes"],
  process: ["execve", "finalization", "threadCpuUsage"],
  tls: ["getCACertificates", "setDefaultCACertificates"],
  url: ["fileURLToPathBuffer"],
  util: ["diff", "getCallSites", "getSystemErrorMessage", "setTraceSigInt"],
  worker_threads: ["isInternalThread", "markAsUncloneable", "threadName"],
  zlib: ["createZstdCompress", "createZstdDecompress", "zstdCompress", "zstdDecompress"],
};

/** Preloaded: our modules import builtin modules through one that exports the rest. */
const OLD_NODE = `
import { registerHooks } from "node:module";
const missing = ${JSON.stringify(MISSING)};
registerHooks({
  resolve(specifier, context, next) {
    const [, name] = /^node:(.+)$/.exec(specifier) ?? [];
    const isOurs = /^file:(?!.*[/]node_modules[/])/.test(context.parentURL ?? "");
    if (!isOurs || !Object.hasOwn(missing, name ?? "")) return next(specifier, context);
    const names = Object.keys(process.getBuiltinModule(name)).filter((each) => !missing[name].includes(each));
    const source = \`import all from "node:\${name}"; export default all; export const { \${names.join(", ")} } = all;\`;
    return { url: "data:text/javascript," + encodeURIComponent(source), format: "module", shortCircuit: true };
  },
});
Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${OLD}" } });
`;

type Manifest = { name: string; engines?: { node?: string }; exports?: Record<string, string> };

/** Of the packages that need a version of Node; those for browsers run on any. The plugin checks it when Vite starts. */
const entryPoints = globSync(["bff/package.json", "packages/*/package.json"], { cwd: ROOT }).flatMap((file) => {
  const { name, engines, exports = {} } = JSON.parse(readFileSync(join(ROOT, file), "utf8")) as Manifest;
  if (engines?.node === undefined) return [];
  return Object.values(exports)
    .filter((target) => /^\.\/src\/[\w-]+\.ts$/.test(target))
    .map((target) => ({ name, target, path: join(ROOT, file, "..", target) }));
});

const importOnOldNode = (path: string) =>
  spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(OLD_NODE)}`, "--eval", `import(${JSON.stringify(path)})`],
    { cwd: ROOT, encoding: "utf8" },
  );

test("the checked packages are those with an entry point for Node", () => {
  expect(new Set(entryPoints.map(({ name }) => name))).toEqual(
    new Set(["@cloakroom/gateway", "@cloakroom/testing", "@cloakroom/vite"]),
  );
});

test.each(entryPoints)("$name names the required version when Node $target imports it", ({ name, path }) => {
  const { status, stderr } = importOnOldNode(path);
  if (name === "@cloakroom/vite") return expect([status, stderr]).toEqual([0, ""]);
  expect(stderr).toContain(`Error: ${name} needs Node 22.22 or later and found ${OLD}.`);
  expect(status).toBe(1);
});
