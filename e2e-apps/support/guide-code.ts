// The code blocks of a migration guide, and the app that its blocks marked "after" make: files below .cache, provider, API and
// gateway on free ports. The code runs as it is written in the guide.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import react from "@vitejs/plugin-react";
import { build } from "vite";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startGateway } from "@cloakroom/testing/gateway-process.ts";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { ProviderHandle } from "@cloakroom/testing/provider/types.ts";
import { startRedisServer } from "@cloakroom/testing/redis-server.ts";
import { startProgram, waitUntil } from "../../e2e/engines/support/program.ts";

export type Phase = "before" | "after";
export type CodeBlock = { language: string; phases: Phase[]; file: string; code: string };
export type ReceivedRequest = {
  method: string;
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
};

export type MigratedApp = {
  origin: string;
  provider: ProviderHandle;
  /** What the API, or the application behind the gateway, has received. */
  received: readonly ReceivedRequest[];
  stop: () => Promise<void>;
};

/** The first line names phase and file: `// after: src/main.js`, `# before: a.yaml`, `<!-- before and after: index.html -->`. */
const BLOCK = /^```(\w+)\n(?:\/\/|#|<!--) (before|after|before and after): (\S+)(?: -->)?\n([\s\S]*?)^```$/gm;

export function codeOf(guide: string): CodeBlock[] {
  const text = readFileSync(join(ROOT, "docs/guides", `migrate-from-${guide}.md`), "utf8");
  return [...text.matchAll(BLOCK)].map(([, language = "", phases = "", file = "", code = ""]) => ({
    language,
    phases: phases.split(" and ") as Phase[],
    file,
    code,
  }));
}

/** An app with an entry that no guide shows. */
const REACT_PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Orders</title></head>
<body><div id="root"></div><script type="module" src="/src/main.jsx"></script></body></html>`;

/** Settings of the environment that the guides refer to, beside the listeners of the gateway. */
type GuideEnvironment = Record<string, string>;

/** Starts what the guide describes. @throws Error with the output of the gateway */
export async function startMigrated(guide: string): Promise<MigratedApp> {
  const folder = join(ROOT, ".cache", "guides", guide);
  const files = writeFiles(guide, folder);
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    if (files.some((file) => file.startsWith("src/"))) await buildApp(folder, files);
    const [port, managementPort] = [await freePort(), await freePort()];
    const origin = `http://localhost:${port}`;
    const provider = await startProvider({ port: 0, passwordCost: 2 });
    stops.push(provider.stop);
    const clientSecret = "a-client-secret-of-the-tests";
    for (const clientId of ["shop-gateway", "intranet-gateway"])
      await provider.addClient({
        ...{ clientId, clientSecret, redirectUris: [`${origin}/bff/callback`] },
        postLogoutRedirectUris: [`${origin}/bff/logout/return`],
        backchannelLogoutUri: `${origin}/bff/backchannel-logout`,
      });
    const redis = await startRedisServer();
    stops.push(redis.stop);
    const api = await startApplication();
    stops.push(api.stop);
    const env: GuideEnvironment = {
      ...{
        PUBLIC_ORIGIN: origin,
        OIDC_ISSUER: provider.issuer,
        OIDC_CLIENT_SECRET: clientSecret,
        REDIS_URL: redis.url,
      },
      ...{ SECRET_KEYS: randomBytes(32).toString("base64url"), API_URL: api.url, WIKI_URL: api.url },
      ...{ PROXY_NETWORK: "127.0.0.0/8", PORT: String(port) },
    };
    if (files.includes("server.js")) stops.push(await startServer(folder, origin, env));
    else stops.push(await startCommand(folder, env, managementPort));
    return { origin, provider, received: api.received, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function writeFiles(guide: string, folder: string): string[] {
  const blocks = codeOf(guide).filter(({ phases }) => phases.includes("after"));
  rmSync(folder, { recursive: true, force: true });
  for (const { file, code } of blocks) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), code);
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
  return blocks.map(({ file }) => file);
}

async function buildApp(folder: string, files: readonly string[]): Promise<void> {
  if (!files.includes("index.html")) writeFileSync(join(folder, "index.html"), REACT_PAGE);
  await build({
    ...{ root: folder, configFile: false, logLevel: "error", plugins: [react()] },
    // As docs/guides/your-own-spa.md recommends for the default policy.
    build: { assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  });
}

/** `cloakroom start --config cloakroom.yaml` */
async function startCommand(
  folder: string,
  env: GuideEnvironment,
  managementPort: number,
): Promise<() => Promise<void>> {
  const gateway = await startGateway({
    env: {
      ...env,
      ...{ CLOAKROOM_CONFIG: join(folder, "cloakroom.yaml"), HOST: "127.0.0.1", DRAIN_SECONDS: "1" },
      ...{ MANAGEMENT_HOST: "127.0.0.1", MANAGEMENT_PORT: String(managementPort) },
    },
    managementOrigin: `http://127.0.0.1:${managementPort}`,
  });
  return gateway.stop;
}

/** `node server.js` of a guide that mounts the gateway. */
async function startServer(folder: string, origin: string, env: GuideEnvironment): Promise<() => Promise<void>> {
  const server = startProgram(process.execPath, ["--disable-warning=ExperimentalWarning", "server.js"], env, folder);
  const isUp = () =>
    fetch(`${origin}/bff/user`).then(
      ({ status }) => status === 403,
      () => false,
    );
  await waitUntil(isUp, server);
  return server.stop;
}

/** Orders as JSON below /orders; everything else is a page that shows the headers which the application has received. */
async function startApplication() {
  const received: ReceivedRequest[] = [];
  const server = createServer(({ method = "", url = "", headers }, response) => {
    received.push({ method, path: url, headers });
    if (url === "/orders")
      return response.setHeader("Content-Type", "application/json").end(
        JSON.stringify([
          { id: 1, item: "Coat" },
          { id: 2, item: "Umbrella" },
        ]),
      );
    const lines = Object.entries(headers)
      .filter(([name]) => name.startsWith("x-auth-request-"))
      .map(([name, value]) => `${name}: ${String(value)}`);
    return response
      .setHeader("Content-Type", "text/html; charset=utf-8")
      .end(
        `<!doctype html><html lang="en"><title>Wiki</title><pre>${lines.join("\n").replaceAll("<", "&lt;")}</pre></html>`,
      );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
