// The plugin in real Vite servers, with Chromium: login, API, hot reload, restart, and a gateway that ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startProvider } from "@cloakroom/testing/provider";
import { chromium, type Browser, type Page } from "@playwright/test";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { build, preview, type InlineConfig } from "vite";
import { cloakroom } from "../src/index.ts";
import {
  configurationFor,
  createProject,
  isRunning,
  startApi,
  startDevServer,
  type Api,
  type DevServer,
  type Project,
} from "./support/project.ts";

const timeoutMs = 120_000;
let browser: Browser;
let api: Api;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  browser = await chromium.launch({
    ...(existsSync(executablePath) ? { executablePath } : {}),
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
  api = await startApi();
}, timeoutMs);
afterAll(async () => {
  await browser.close();
  await api.stop();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function project(configuration: string | undefined = configurationFor(api.url)): Project {
  const created = createProject(configuration);
  cleanups.push(created.remove);
  return created;
}

async function serve(...args: Parameters<typeof startDevServer>): Promise<DevServer> {
  const started = await startDevServer(...args);
  cleanups.push(started.close);
  return started;
}

async function newPage(): Promise<Page> {
  const context = await browser.newContext();
  cleanups.push(() => context.close());
  return context.newPage();
}

async function logIn(page: Page, origin: string): Promise<void> {
  await page.goto(`${origin}/bff/login?returnTo=/`);
  await page.getByLabel(/Username/).fill("alice");
  await page.getByLabel("Password", { exact: true }).fill("alice-demo-password");
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.waitForURL(`${origin}/`);
  await expectUser(page, "Alice Example");
}

async function expectUser(page: Page, name: string): Promise<void> {
  await expect.poll(() => page.locator("#user").textContent(), { timeout: 60_000 }).toBe(name);
}

/** The values of Set-Cookie in the response to a typed URL. */
async function cookiesOfNavigation(url: string): Promise<string[]> {
  const headers = {
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
  };
  const [response] = (await once(get(url, { headers }), "response")) as [IncomingMessage];
  response.resume();
  expect(response.statusCode).toBe(303);
  return response.headers["set-cookie"] ?? [];
}

const fetchUser = (origin: string) => fetch(`${origin}/bff/user`, { headers: { "X-CSRF": "1", Origin: origin } });

/** The response to a path as it is, without the resolution of dot segments. */
async function fetchRaw(origin: string, path: string, headers: Record<string, string> = {}): Promise<string> {
  const [response] = (await once(get(origin, { path, headers }), "response")) as [IncomingMessage];
  return (await response.setEncoding("utf8").toArray()).join("");
}

describe("one server", () => {
  test(
    "login, API call, WebSocket, hot reload and restart keep one session on one origin",
    async () => {
      const { root, write } = project();
      const { origin, server, plugin } = await serve(root);
      const page = await newPage();
      await logIn(page, origin);

      const status = await page.evaluate(async () => {
        const response = await fetch("/api/orders", { headers: { "X-CSRF": "1" } });
        return `${response.status} ${await response.text()}`;
      });
      expect(status).toBe("200 hello");
      expect(api.received.at(-1)?.headers.authorization).toMatch(/^Bearer \S+/);
      expect(api.received.at(-1)?.headers.cookie).toBeUndefined();
      const message = await page.evaluate(
        (url) =>
          new Promise((resolve) => {
            const socket = new WebSocket(url);
            socket.onmessage = ({ data }) => resolve(data);
            socket.onerror = () => resolve("error");
          }),
        `${origin.replace("http", "ws")}/api/socket`,
      );
      expect(message).toBe("hello");

      await page.evaluate(() => Object.assign(globalThis, { isSamePage: true }));
      write("version.js", 'export const version = "two";\n');
      await expect.poll(() => page.locator("#version").textContent()).toBe("two");
      expect(await page.evaluate(() => "isSamePage" in globalThis)).toBe(true);

      const pid = plugin.gatewayPid();
      await server.restart();
      expect(await plugin.ready()).toBeUndefined();
      expect(plugin.gatewayPid()).toBe(pid);
      // Vite's client reloads the page after a restart.
      const isSamePage = () => page.evaluate(() => "isSamePage" in globalThis).catch(() => true);
      await expect.poll(isSamePage, { timeout: 60_000 }).toBe(false);
      await expectUser(page, "Alice Example");
      write("version.js", 'export const version = "three";\n');
      await expect.poll(() => page.locator("#version").textContent()).toBe("three");
    },
    timeoutMs,
  );

  test(
    "a gateway that is killed is started again and reported in the log",
    async () => {
      const { root } = project();
      const { origin, plugin, messages } = await serve(root);
      expect(await plugin.ready()).toBeUndefined();
      const pid = plugin.gatewayPid() ?? 0;
      process.kill(pid, "SIGKILL");
      await expect.poll(() => plugin.gatewayPid() ?? pid, { timeout: 60_000 }).not.toBe(pid);
      expect((await fetchUser(origin)).status).toBe(200);
      expect(messages.join("\n")).toContain("The gateway ended with SIGKILL and is started again.");
    },
    timeoutMs,
  );

  test(
    "closing the server ends the gateway and the provider",
    async () => {
      const { root } = project();
      const { plugin, close } = await serve(root);
      expect(await plugin.ready()).toBeUndefined();
      const [pid, issuer] = [plugin.gatewayPid(), plugin.issuer() ?? ""];
      expect((await fetch(`${issuer}/.well-known/openid-configuration`)).status).toBe(200);
      await close();
      expect(isRunning(pid)).toBe(false);
      await expect(fetch(`${issuer}/.well-known/openid-configuration`)).rejects.toThrow();
    },
    timeoutMs,
  );

  test(
    "the gateway ends with a server that is killed",
    async () => {
      const { root } = project();
      const child = spawn(process.execPath, [join(import.meta.dirname, "support/serve.ts"), root], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      cleanups.push(() => child.kill("SIGKILL"));
      const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
      const { gatewayPid } = JSON.parse(line) as { gatewayPid: number };
      expect(isRunning(gatewayPid)).toBe(true);
      child.kill("SIGKILL");
      await expect.poll(() => isRunning(gatewayPid), { timeout: 30_000 }).toBe(false);
    },
    timeoutMs,
  );

  test(
    "a taken port is replaced, and the origin follows",
    async () => {
      const { root } = project();
      const taken = createServer().listen(0, "localhost");
      await once(taken, "listening");
      cleanups.push(() => taken.close());
      const { port } = taken.address() as AddressInfo;
      const { origin } = await serve(root, {}, { server: { port } });
      expect(origin).not.toBe(`http://localhost:${port}`);
      await logIn(await newPage(), origin);
    },
    timeoutMs,
  );

  test(
    "an inline configuration needs neither a file nor a repetition of the provider",
    async () => {
      const { root } = createProject(undefined);
      const { origin, plugin } = await serve(root, { config: { upstreams: [{ prefix: "/api", baseUrl: api.url }] } });
      expect(await plugin.ready()).toBeUndefined();
      await logIn(await newPage(), origin);
    },
    timeoutMs,
  );

  test(
    "cookies without Secure, for WebKit, exist with the embedded provider only",
    async () => {
      const { root } = project();
      const embedded = await serve(root);
      expect(await embedded.plugin.ready()).toBeUndefined();
      const insecure = (cookies: readonly string[]) => cookies.filter((each) => !/; secure/i.test(each));
      expect(insecure(await cookiesOfNavigation(`${embedded.origin}/bff/login`))).toHaveLength(1);
      const provider = await startProvider({ port: 0, passwordCost: 2 });
      cleanups.push(provider.stop);
      const client = { clientId: "shop", clientSecret: "a-secret-of-32-characters-length" };
      const env = {
        OIDC_ISSUER: provider.issuer,
        OIDC_CLIENT_ID: client.clientId,
        OIDC_CLIENT_SECRET: client.clientSecret,
      };
      const external = await serve(project().root, { env });
      await provider.addClient({ ...client, redirectUris: [`${external.origin}/bff/callback`] });
      expect(await external.plugin.ready()).toBeUndefined();
      expect(external.plugin.issuer()).toBeUndefined();
      const cookies = await cookiesOfNavigation(`${external.origin}/bff/login`);
      expect(cookies.length).toBeGreaterThan(0);
      expect(insecure(cookies)).toEqual([]);
    },
    timeoutMs,
  );

  test(
    "another port of this machine gets no CORS permission for the gateway's paths",
    async () => {
      const { root } = project();
      const { origin, plugin } = await serve(root);
      expect(await plugin.ready()).toBeUndefined();
      const response = await fetch(`${origin}/bff/user`, { headers: { "X-CSRF": "1", Origin: "http://localhost:1" } });
      expect(response.status).toBe(403);
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    },
    timeoutMs,
  );
});

describe("private files", () => {
  const secret = "a-secret-of-the-client";

  test.each<[string, InlineConfig]>([
    ["Vite's own rules", {}],
    ["rules of the app", { server: { fs: { deny: ["*.private"] } } }],
  ])(
    "the configuration and the files that it names are not sent, beside %s",
    async (_title, config) => {
      const files = "clientSecret: { file: secret.txt }";
      const { root, write } = project(configurationFor(api.url).replace(/clientSecret: .*/, files));
      write("secret.txt", secret);
      write("secret.js", `export default "${secret}";`);
      write("keys.txt", secret);
      write("a.private", secret);
      write(".env", config.server === undefined ? `# ${secret}` : "");
      write("public.txt", "public");
      const env = { SECRET_KEYS_FILE: join(root, "keys.txt") };
      const { origin } = await serve(root, { provider: false, env }, config);
      const names = ["cloakroom.yaml", "secret.txt", "keys.txt", ".env"];
      if (config.server !== undefined) names.push("a.private");
      for (const name of names)
        for (const query of ["", "?raw", "?import&raw", "?url", "?inline"])
          for (const folder of ["/", "//", "/x/../", `/@fs${root}/`, `/@id/${root}/`]) {
            const text = await fetchRaw(origin, encodeURI(`${folder}${name}${query}`));
            expect([name, folder, query, /clientId|a-secret-of/.test(text)]).toEqual([name, folder, query, false]);
          }
      expect(await fetchRaw(origin, "/public.txt")).toBe("public");
      expect(await fetchRaw(origin, "/secret.js")).toContain(secret);
    },
    timeoutMs,
  );
});

describe("a configuration that cannot be used", () => {
  test.each([
    ["an unknown key", (valid: string) => `${valid}sesion: {}\n`, "cloakroom.yaml:14: sesion is not known."],
    [
      "another origin",
      (valid: string) => valid.replace("${PUBLIC_ORIGIN:-https://app.example.com}", "https://app.example.com"),
      "cloakroom.yaml does not contain ${PUBLIC_ORIGIN}, but browsers use http://localhost:",
    ],
    [
      "a provider of its own",
      (valid: string) => valid.replace("${OIDC_ISSUER}", "https://id.example.com"),
      "cloakroom.yaml does not contain ${OIDC_ISSUER}.",
    ],
    [
      "a row for /",
      (valid: string) => `${valid}  - { prefix: /, baseUrl: "${api.url}", csrf: same-origin }\n`,
      "cloakroom.yaml has an upstream row for /",
    ],
  ])(
    "with %s is shown in the overlay and in responses, until the file is corrected",
    async (_case, spoil, sentence) => {
      const valid = configurationFor(api.url);
      const { root, write } = project(spoil(valid));
      const { origin, plugin, messages } = await serve(root);
      expect(await plugin.ready()).toContain(sentence);
      expect(messages.join("\n")).toContain(sentence);
      const response = await fetchUser(origin);
      expect([response.status, response.headers.get("content-type")]).toEqual([503, "application/problem+json"]);
      expect(await response.json()).toMatchObject({
        code: "gateway_not_running",
        detail: expect.stringContaining(sentence),
      });
      // DNS rebinding: a page of another name for this address.
      const host = `rebound.example:${new URL(origin).port}`;
      const rebound = await fetchRaw(origin, "/bff/user", { host });
      expect(JSON.parse(rebound)).toMatchObject({ status: 503, detail: expect.not.stringContaining(sentence) });
      const page = await newPage();
      await page.goto(`${origin}/`);
      await expect.poll(() => page.locator("vite-error-overlay .message").textContent()).toContain(sentence);
      write("cloakroom.yaml", valid);
      await expectUser(page, "anonymous");
      expect(await plugin.ready()).toBeUndefined();
    },
    timeoutMs,
  );

  test(
    "a configuration that cannot be used leaves the running gateway as it is",
    async () => {
      const valid = configurationFor(api.url);
      const { root, write } = project(valid);
      const { origin, plugin, messages } = await serve(root);
      expect(await plugin.ready()).toBeUndefined();
      write("cloakroom.yaml", `${valid}sesion: {}\n`);
      await expect.poll(() => messages.join("\n")).toContain("The gateway keeps its previous configuration.");
      expect((await fetchUser(origin)).status).toBe(200);
    },
    timeoutMs,
  );
});

test(
  "neither a build nor a preview starts the gateway or the provider unless asked",
  async () => {
    const { root } = project();
    const plugins = [cloakroom({ provider: { port: 0 } })];
    const common = { root, configFile: false, logLevel: "silent", plugins } as const;
    await build({ ...common, build: { target: "esnext" } });
    const withoutGateway = await preview({ ...common, preview: { port: 0 } });
    cleanups.push(() => withoutGateway.close());
    const url = withoutGateway.resolvedUrls?.local[0] ?? "";
    expect(await (await fetch(`${url}bff/user`)).text()).toContain("<title>app</title>");
    expect(plugins[0]?.api?.gatewayPid()).toBeUndefined();

    const asked = cloakroom({ provider: { port: 0 }, preview: true });
    const withGateway = await preview({ ...common, plugins: [asked], preview: { port: 0 } });
    cleanups.push(() => withGateway.close());
    expect(await asked.api?.ready()).toBeUndefined();
    const origin = new URL(withGateway.resolvedUrls?.local[0] ?? "").origin;
    expect(await (await fetchUser(origin)).json()).toMatchObject({ user: null });
  },
  timeoutMs,
);
