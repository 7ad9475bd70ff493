// Files that Vite's server must not send: the gateway's configuration, and the files that it names, such as secrets. They are
// usually below Vite's root, whose files every page of localhost, and with `--host` the network, can read.
import { realpathSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { resolveConfig } from "vite";
import { configurationText, type ConfigurationSource } from "./configuration.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** `{ file: PATH }`, `file:PATH` and keys such as `clientKeyFile`, in YAML and in JSON. */
const FILE_IN_TEXT = /(?:\bfile|\w+File)["']?\s*:\s*(?:"([^"\n]+)"|'([^'\n]+)'|([^\s"',}\]#]+))/g;
/** `${NAME}` and `${NAME:-default}`. */
const REFERENCE = /\$\{(\w+)(?::-([^}]*))?\}/g;
/** Of YAML. */
const COMMENT = /(^|\s)#.*$/gm;
/** The gateway's variables that name files. */
const FILE_VARIABLE = /^(?:OIDC|REDIS|KEYCLOAK|HTTPS?_PROXY|SECRET_KEYS|ADMIN_TOKEN|UPSTREAMS)\w*_FILE$/;

/** @returns absolute paths */
export function privateFiles(source: ConfigurationSource, root: string, env: Environment): string[] {
  const folder = source.kind === "file" ? dirname(source.path) : root;
  const text = configurationText(source)
    .replaceAll(COMMENT, "$1")
    .replaceAll(REFERENCE, (_reference, name: string, otherwise = "") => env[name] || otherwise);
  const inText = [...text.matchAll(FILE_IN_TEXT)].map(([, double, single, plain]) => double ?? single ?? plain ?? "");
  const inEnvironment = Object.entries(env).flatMap(([name, value = ""]) =>
    FILE_VARIABLE.test(name) && value !== "" ? [resolve(root, value)] : [],
  );
  return [
    ...(source.kind === "file" ? [source.path] : []),
    ...inText.map((path) => resolve(folder, path.replace(/^\/\/(?=\/)/, ""))),
    ...inEnvironment,
  ];
}

/** @returns patterns of `server.fs.deny` that match these files only */
export function denyPatterns(paths: readonly string[]): string[] {
  const spellings = paths.flatMap((path) => [path, realPath(path)]);
  return [...new Set(spellings)].map((path) =>
    path.replaceAll(sep, "/").replaceAll(/[\\!*?{}()[\]|@+^$]/g, String.raw`\$&`),
  );
}

/** Vite requests of a folder behind a symbolic link have the other path. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Patterns of a plugin replace Vite's own (`.env`, keys, certificates), unless it repeats them. */
export async function defaultDenyPatterns(mode: string): Promise<string[]> {
  const { server } = await resolveConfig({ configFile: false, envDir: false, mode, logLevel: "silent" }, "serve", mode);
  return server.fs.deny;
}
