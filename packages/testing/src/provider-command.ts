// The command `cloakroom-provider`: runs the provider with its control until Ctrl-C.
import { readFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { clientRegistration, CLIENT_ID } from "./gateway-env.ts";
import { startProviderControl } from "./provider/control-server.ts";
import { startProvider } from "./provider/start-provider.ts";
import type { ProviderOptions, UserInput } from "./provider/types.ts";
import { DEMO_USERS } from "./provider/users.ts";

const USAGE = `Usage: cloakroom-provider [options]

An OpenID Provider for tests and development. Not for production: users, keys and tokens are in memory, passwords are
known, and every program of this machine can control it. It listens on 127.0.0.1 only.

  --port N              port of the provider (default 4000)
  --control-port N      port of the control: faults, users, issued tokens (default: the next port)
  --origin ORIGIN       origin of the gateway, e.g. http://localhost:3000 (default); may be repeated
  --client-id ID        client id of the gateway (default ${CLIENT_ID})
  --client-secret TEXT  default: OIDC_CLIENT_SECRET, otherwise a random one
  --user NAME:PASSWORD[:ROLE,ROLE]
                        a user beside alice and admin; may be repeated
  --resource AUDIENCE   audience of the access tokens (default http://localhost:8000)
  --options FILE        JSON: lifetimes, users, clients and other options of startProvider
  --help
`;

const print = (line: string) => void process.stdout.write(`${line}\n`);

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "4000" },
      "control-port": { type: "string" },
      origin: { type: "string", multiple: true, default: ["http://localhost:3000"] },
      "client-id": { type: "string", default: CLIENT_ID },
      "client-secret": { type: "string" },
      user: { type: "string", multiple: true, default: [] },
      resource: { type: "string" },
      options: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const file = values.options === undefined ? {} : readOptions(values.options);
  const clientSecret =
    values["client-secret"] ?? (process.env["OIDC_CLIENT_SECRET"] || randomBytes(32).toString("base64url"));
  const origins = values.origin.map(originOf);
  const users = [...(file.users ?? DEMO_USERS), ...values.user.map(userFrom)];
  const provider = await startProvider({
    ...file,
    users,
    port: portOf("port", values.port),
    ...(values.resource === undefined ? {} : { resource: values.resource }),
    clients: [{ ...mergeRegistrations(origins, clientSecret), clientId: values["client-id"] }, ...(file.clients ?? [])],
  });
  const controlPort = values["control-port"];
  const control = await startProviderControl(provider, {
    port: controlPort === undefined ? provider.port + 1 : portOf("control-port", controlPort),
  });
  print("OpenID Provider for tests and development. Not for production: everything is in memory, passwords are known.");
  print("");
  print(`OIDC_ISSUER=${provider.issuer}`);
  print(`OIDC_CLIENT_ID=${values["client-id"]}`);
  print(`OIDC_CLIENT_SECRET=${clientSecret}`);
  print(`PUBLIC_ORIGIN=${origins.join(" or ")}`);
  print("");
  for (const { username, password, roles = [] } of users)
    print(`user     ${username} / ${password}  ${roles.join(" ")}`);
  print(`control  ${control.url}  (POST /setFault, /takeDown, /restore, /addUser …)`);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => void Promise.all([provider.stop(), control.stop()]).then(() => process.exit(0)));
}

/** One client for several origins of the gateway. The first one receives the logout tokens. */
function mergeRegistrations(origins: readonly string[], clientSecret: string) {
  const registrations = origins.map((origin) => clientRegistration(origin, clientSecret));
  return {
    ...clientRegistration(origins[0] ?? "", clientSecret),
    redirectUris: registrations.flatMap(({ redirectUris }) => redirectUris),
    postLogoutRedirectUris: registrations.flatMap(({ postLogoutRedirectUris }) => postLogoutRedirectUris),
    allowClientCredentials: true,
  };
}

function readOptions(file: string): ProviderOptions {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProviderOptions;
  } catch (cause) {
    throw new Error(`--options ${file}: ${(cause as Error).message}`, { cause });
  }
}

function originOf(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text;
  throw new Error(`--origin ${text} is not an origin such as http://localhost:3000.`);
}

function portOf(option: string, text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`--${option} ${text} is not a port.`);
}

function userFrom(text: string): UserInput {
  const [username = "", password = "", roles] = text.split(":");
  if (username === "" || password === "")
    throw new Error(`--user ${text} is not NAME:PASSWORD or NAME:PASSWORD:ROLES.`);
  return { username, password, ...(roles === undefined ? {} : { roles: roles.split(",") }) };
}
