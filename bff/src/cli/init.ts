// `cloakroom init`: writes a starter cloakroom.yaml with its secrets into the current folder. Overwrites nothing.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ConfigError, loadMountedConfig } from "../config/config.ts";
import { SETTINGS } from "../config/settings.ts";

const FILE = "cloakroom.yaml";
const FOLDER = "secrets";
const KEYS_FILE = `${FOLDER}/session-keys`;
const SECRET_FILE = `${FOLDER}/client-secret`;
/** Readable, so that `cloakroom check` passes; the provider rejects it. */
const PLACEHOLDER = "replace-with-the-client-secret";

const HELP = `Writes a starter ${FILE}, and the folder ${FOLDER}, into the current folder. Existing files are kept.

  cloakroom init --issuer URL --client-id ID [--origin ORIGIN] [--upstream PREFIX=URL]...

  --issuer     issuer of the OpenID Provider, as in its discovery document
  --client-id  client id of the gateway's registration there
  --origin     origin that browsers use (default ${SETTINGS.PUBLIC_ORIGIN.default})
  --upstream   an API, such as /api=http://localhost:8000; may be repeated

Exit codes: 0 written, 1 ${FILE} exists, 2 usage error.
`;

type Starter = { issuer: string; clientId: string; origin: string; upstreams: readonly Row[] };
type Row = { prefix: string; baseUrl: string };

process.exitCode = main(process.argv.slice(2));

function main(args: readonly string[]): number {
  const options = parse(args);
  if (typeof options === "string") return print(process.stderr, `${options}\n\n${HELP}`, 2);
  if (options.help === true) return print(process.stdout, HELP, 0);
  const { issuer, "client-id": clientId, origin = SETTINGS.PUBLIC_ORIGIN.default, upstream = [] } = options;
  if (issuer === undefined || clientId === undefined)
    return print(process.stderr, `--issuer and --client-id are required.\n\n${HELP}`, 2);
  const starter = { issuer, clientId, origin, upstreams: upstream.map(rowOf) };
  const faults = faultsOf(starter);
  if (faults.length > 0) return print(process.stderr, `${faults.join("\n")}\n`, 2);
  if (existsSync(FILE)) return print(process.stderr, `${FILE} exists. Nothing was written.\n`, 1);
  const written = [
    writeNew(`${FOLDER}/.gitignore`, "*\n"),
    writeNew(KEYS_FILE, `${randomBytes(32).toString("base64url")}\n`),
    writeNew(SECRET_FILE, `${PLACEHOLDER}\n`),
    writeNew(FILE, starterText(starter)),
  ].flat();
  return print(process.stdout, nextSteps(starter, written), 0);
}

function parse(args: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...{ issuer: text, "client-id": text, origin: text },
        upstream: { type: "string", multiple: true },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    // Node's message names the option.
    return error instanceof Error ? error.message : "The options are invalid.";
  }
}

function rowOf(text: string): Row {
  const at = text.indexOf("=");
  return { prefix: text.slice(0, Math.max(at, 0)), baseUrl: text.slice(at + 1) };
}

/** By the schemas of the settings. */
function faultsOf({ issuer, clientId, origin, upstreams }: Starter): readonly string[] {
  const secretKeys = randomBytes(32).toString("base64url");
  const provider = { issuer, clientId, clientSecret: PLACEHOLDER };
  const redis = { url: "redis://localhost" };
  try {
    const value = { origin, provider, upstreams, secretKeys, redis };
    loadMountedConfig({ kind: "object", value, folder: ".", env: {} });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults;
  }
}

/** @returns the path, if the file is new */
function writeNew(path: string, text: string): string[] {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, text, { flag: "wx", mode: path === FILE ? 0o644 : 0o600 });
    return [path];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return [];
  }
}

/** JSON texts are YAML texts in double quotes. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function starterText({ issuer, clientId, origin, upstreams }: Starter): string {
  const rows = upstreams.map(({ prefix, baseUrl }) => `  - prefix: ${prefix}\n    baseUrl: ${quoted(baseUrl)}\n`);
  const row = "#   - prefix: /api\n#     baseUrl: http://localhost:8000\n";
  return `# yaml-language-server: $schema=./node_modules/@cloakroom/gateway/schema/cloakroom.schema.json
# Editors complete all settings by the schema above. Texts may refer to environment variables: \${NAME}, \${NAME:-default}.

# Origin that browsers use; https unless the host is localhost.
origin: ${quoted(origin)}

provider:
  issuer: ${quoted(issuer)}
  clientId: ${quoted(clientId)}
  clientSecret: { file: ${SECRET_FILE} }

# APIs. /api/orders is forwarded to baseUrl + /orders with the user's access token.
${rows.length === 0 ? `# upstreams:\n${row}` : `upstreams:\n${rows.join("")}`}
# Master keys of the stored sessions: a new key goes first, old ones stay until their sessions have ended.
secretKeys: { file: ${KEYS_FILE} }

# Without Redis sessions are kept in the process and end with it. Production needs Redis.
# redis: { url: redis://localhost:6379 }

# The folder of the built app.
# pages: { root: dist }
`;
}

function nextSteps({ origin, issuer }: Starter, written: readonly string[]): string {
  return `Written: ${written.join(", ")}

1. Register the client at ${issuer}:
     redirect URI              ${origin}/bff/callback
     post-logout redirect URI  ${origin}/bff/logout/return
2. Write its client secret into ${SECRET_FILE}.
3. Where @cloakroom/gateway is installed:
     npx cloakroom check --config ${FILE}
     npx cloakroom start --config ${FILE}
`;
}

function print(stream: NodeJS.WriteStream, text: string, code: number): number {
  stream.write(text);
  return code;
}
