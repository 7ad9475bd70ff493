// I8: the provider changes its metadata, and secrets are rotated, under a running gateway. No request is dropped.
import { rmSync, writeFileSync } from "node:fs";
import { decodeJwt } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, without, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { tempFile } from "./client-key-files.ts";

const DISCOVERY = "/.well-known/openid-configuration";
const HOUR_MS = 3_600_000;

let provider: HostileProvider;
let gateway: TestGateway;
/** Requests by path, as sent. */
let paths: string[];
let moved: Record<string, string>;

const discoveries = (): number => paths.filter((path) => path === DISCOVERY).length;

beforeEach(async () => {
  provider = await startHostileProvider();
  paths = [];
  moved = {};
  passedMs = 0;
  provider.overrides = {
    route: (path) => {
      paths.push(path);
      return moved[path] ?? path;
    },
  };
  gateway = await startGateway(provider);
  expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await gateway.stop();
  await provider.stop();
});

/** Moves the endpoints and publishes the new addresses. */
function move(member: string, from: string, to: string): void {
  moved = { ...moved, [from]: "/gone", [to]: from };
  const before = provider.overrides.metadata;
  provider.overrides.metadata = (original) => ({ ...(before?.(original) ?? original), [member]: provider.issuer + to });
}

const login = async (): Promise<number> => (await testBrowser(gateway.origin).login()).status;

const realNow = performance.now.bind(performance);
let passedMs = 0;

function passTime(ms: number): void {
  passedMs += ms;
  vi.spyOn(performance, "now").mockImplementation(() => realNow() + passedMs);
}

describe("a provider that moves", () => {
  it.each([404, 405, 410])(
    "a provider moves its token endpoint (the old one responds %i): the login succeeds",
    async (status) => {
      const finish = testBrowser(gateway.origin);
      const callback = await finish.loginAtProvider();
      move("token_endpoint", "/token", "/token-2");
      provider.overrides.raw = (path, response) => {
        if (path === "/gone") response.writeHead(status, { "content-type": "text/html" }).end("<html>");
        return path === "/gone";
      };
      expect((await finish.navigate(callback, { "sec-fetch-site": "cross-site" })).status).toBe(303);
      expect(paths.filter((path) => path.startsWith("/token"))).toEqual(["/token", "/token-2"]);
      expect(gateway.log.join("\n")).toContain('"reason":"token_endpoint"');
      // The next login uses the new address.
      paths.length = 0;
      expect(await login()).toBe(303);
      expect(paths).not.toContain("/token");
    },
  );

  it("a provider moves its token endpoint to another host, where the old one refuses connections: the login succeeds", async () => {
    await gateway.stop();
    const elsewhere = await startHostileProvider();
    provider.overrides.metadata = (original) => ({ ...original, token_endpoint: `${elsewhere.issuer}/token` });
    gateway = await startGateway(provider);
    const browser = testBrowser(gateway.origin);
    const callback = await browser.loginAtProvider();
    await elsewhere.stop();
    delete provider.overrides.metadata;
    expect((await browser.navigate(callback, { "sec-fetch-site": "cross-site" })).status).toBe(303);
  });

  it("a provider moves its token endpoint: no login of 20 at the same time fails, and the metadata is read once", async () => {
    const browsers = Array.from({ length: 20 }, () => testBrowser(gateway.origin));
    const callbacks = await Promise.all(browsers.map((browser) => browser.loginAtProvider()));
    const before = discoveries();
    move("token_endpoint", "/token", "/token-2");
    const responses = await Promise.all(
      browsers.map((browser, at) => browser.navigate(callbacks[at]!, { "sec-fetch-site": "cross-site" })),
    );
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([303]));
    expect(discoveries() - before).toBe(1);
  });

  it("a provider moves its jwks_uri (the old one is gone): the login succeeds", async () => {
    move("jwks_uri", "/jwks", "/jwks-2");
    expect(await login()).toBe(303);
  });

  it("a provider moves its jwks_uri, where the old one still serves the old keys: a login with new keys succeeds", async () => {
    expect(await login()).toBe(303);
    await provider.rotate();
    const original = provider.overrides.route!;
    provider.overrides.route = (path) => (path === "/jwks" ? "/old-jwks" : original(path));
    provider.overrides.raw = (path, response) => {
      if (path === "/old-jwks") response.setHeader("content-type", "application/json").end('{"keys":[]}');
      return path === "/old-jwks";
    };
    moved = { "/jwks-2": "/jwks" };
    provider.overrides.metadata = (metadata) => ({ ...metadata, jwks_uri: `${provider.issuer}/jwks-2` });
    expect(await login()).toBe(303);
  }, 30_000);
});

it("with DPoP, no proof for the old token endpoint is sent to the new one, and the next login succeeds", async () => {
  const other = await startGateway({ ...provider, env: { OIDC_SENDER_CONSTRAINED: "dpop" } });
  const original = provider.overrides;
  const proofs: string[] = [];
  provider.overrides = {
    ...original,
    claims: without("at_hash"),
    token: (members) => ({ ...members, token_type: "DPoP" }),
    tokenResponse(_response, { dpop = "" }) {
      proofs.push(String(decodeJwt(dpop)["htu"]));
      return false;
    },
  };
  const browser = testBrowser(other.origin);
  expect(await other.readiness("provider")).toEqual({ status: "ok" });
  const callback = await browser.loginAtProvider();
  move("token_endpoint", "/token", "/moved");
  expect((await browser.navigate(callback)).status).toBe(503);
  expect((await testBrowser(other.origin).login()).status).toBe(303);
  expect(proofs).toEqual([`${provider.issuer}/moved`]);
  expect(await other.readiness("provider")).toEqual({ status: "ok" });
  await other.stop();
});

it("a document with a megabyte of changed names makes a short log line", async () => {
  const names = Array.from({ length: 500 }, (_, n) => `${n}${"z".repeat(900)}`);
  move("token_endpoint", "/token", "/moved");
  const before = provider.overrides.metadata;
  provider.overrides.metadata = (original) => ({
    ...before?.(original),
    ...Object.fromEntries(names.map((name) => [name, 1])),
  });
  expect(await login()).toBe(303);
  const line = gateway.log.find((each) => each.includes("provider metadata changed")) ?? "";
  expect(JSON.parse(line)).toMatchObject({ reason: "token_endpoint, 500 more" });
});

describe("a provider that changes token_endpoint_auth_methods_supported", () => {
  it("a login uses the method that the provider lists now", async () => {
    const accepts = (method: string) => {
      provider.overrides.metadata = (original) => ({ ...original, token_endpoint_auth_methods_supported: [method] });
      provider.overrides.raw = (path, response) => {
        const request = provider.posts.at(-1);
        const isBasic = request?.headers.authorization !== undefined;
        if (path !== "/token" || isBasic === (method === "client_secret_basic")) return false;
        response.writeHead(401, { "content-type": "application/json", "www-authenticate": 'Basic realm="x"' });
        response.end('{"error":"invalid_client"}');
        return true;
      };
    };
    for (const method of ["client_secret_basic", "client_secret_post", "client_secret_basic"]) {
      accepts(method);
      passTime(10_000);
      expect(await login(), method).toBe(303);
    }
  });

  it("a provider changes token_endpoint_auth_methods_supported to methods that are not configured: the previous metadata is used, and readiness reports it", async () => {
    provider.overrides.metadata = (original) => ({
      ...original,
      token_endpoint_auth_methods_supported: ["tls_client_auth"],
    });
    passTime(HOUR_MS);
    await expect
      .poll(() => gateway.readiness("provider"))
      .toMatchObject({
        status: "degraded",
        detail: expect.stringMatching(/^OIDC_CLIENT_AUTH is not set.*previous metadata/),
      });
    expect(await login()).toBe(303);
    expect(provider.lastTokenRequest().authorization).toMatch(/^Basic /);
  });
});

describe("rereading the metadata", () => {
  const known = async (member: string): Promise<boolean> => {
    const browser = testBrowser(gateway.origin);
    await browser.login();
    const response = await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    const { location } = (await response.json()) as { location: string };
    const onward = await browser.navigate(location);
    return (onward.headers.get("location") ?? "").startsWith(`${provider.issuer}/${member}`);
  };
  const withLogout = (original: Record<string, unknown>) => ({
    ...original,
    end_session_endpoint: `${provider.issuer}/end-session`,
  });

  it.each([
    ["after an hour without Cache-Control", "", HOUR_MS - 60_000, 60_000],
    ["after an hour with no-store", "no-cache, no-store", HOUR_MS - 60_000, 60_000],
    ["after its max-age", "public, max-age=120", 60_000, 60_000],
    ["after an hour with a longer max-age", "max-age=31536000", HOUR_MS - 60_000, 60_000],
    ["after 10 s with a shorter max-age", "max-age=0", 5_001, 5_000],
  ])(
    "an end_session_endpoint is added and removed while the gateway runs: %s",
    async (_name, cacheControl, before, after) => {
      await gateway.stop();
      provider.overrides.raw = (path, response) => {
        if (path === DISCOVERY && cacheControl !== "") response.setHeader("cache-control", cacheControl);
        return false;
      };
      gateway = await startGateway(provider);
      expect(await known("end-session")).toBe(false);
      for (const isAdded of [true, false]) {
        if (isAdded) provider.overrides.metadata = withLogout;
        else delete provider.overrides.metadata;
        passTime(before);
        expect(await known("end-session")).toBe(!isAdded);
        passTime(after);
        // The request that finds the metadata too old still uses it.
        await login();
        await expect.poll(() => known("end-session")).toBe(isAdded);
      }
    },
  );

  it("the metadata is read again with another issuer: it is rejected and reported, and logins continue", async () => {
    provider.overrides.metadata = (original) => ({
      ...original,
      issuer: "https://evil.example",
      token_endpoint: `${provider.issuer}/trap`,
    });
    passTime(HOUR_MS);
    expect(await login()).toBe(303);
    await expect
      .poll(() => gateway.readiness("provider"))
      .toMatchObject({
        status: "degraded",
        detail: expect.stringMatching(/^OIDC_ISSUER is not what the provider calls itself/),
      });
    expect(await login()).toBe(303);
    expect(paths).not.toContain("/trap");
    expect(gateway.log.join("\n")).toContain("provider metadata cannot be read again");
    delete provider.overrides.metadata;
    passTime(HOUR_MS);
    await expect.poll(() => gateway.readiness("provider")).toEqual({ status: "ok" });
  });

  it.each([
    [
      "an error",
      (response: { writeHead: (status: number) => { end: (body: string) => void } }) => response.writeHead(500).end(""),
    ],
    [
      "HTML",
      (response: { writeHead: (status: number) => { end: (body: string) => void } }) =>
        response.writeHead(200).end("<html>"),
    ],
  ])("%s instead of a discovery document keeps the previous metadata", async (_name, respond) => {
    provider.overrides.raw = (path, response) => {
      if (path === DISCOVERY) respond(response);
      return path === DISCOVERY;
    };
    passTime(HOUR_MS);
    for (let n = 0; n < 3; n++) expect(await login()).toBe(303);
  });

  it("the metadata is read again at most once in 5 s while every request fails", async () => {
    provider.overrides.raw = (path, response) => {
      if (path === "/token") response.writeHead(404).end();
      return path === "/token";
    };
    const before = discoveries();
    for (let n = 0; n < 10; n++) expect(await login()).not.toBe(303);
    expect(discoveries() - before).toBeLessThanOrEqual(2);
  });

  it("the metadata is not read again after an error that it cannot cure, and the request is not repeated (I4)", async () => {
    const before = discoveries();
    for (const [status, body] of [
      [400, '{"error":"invalid_grant"}'],
      [500, "{}"],
      [503, ""],
    ] as const) {
      provider.posts.length = 0;
      provider.overrides.raw = (path, response) => {
        if (path === "/token") response.writeHead(status, { "content-type": "application/json" }).end(body);
        return path === "/token";
      };
      expect(await login()).not.toBe(303);
      expect(provider.posts).toHaveLength(1);
    }
    expect(discoveries()).toBe(before);
  });
});

describe("OIDC_CLIENT_SECRET_FILE", () => {
  let file: string;
  beforeEach(async () => {
    await gateway.stop();
    file = tempFile("the-first-client-secret\n");
    const { issuer, clientId } = provider;
    gateway = await startGateway({ issuer, clientId, env: { OIDC_CLIENT_SECRET_FILE: file } });
  });
  const sent = (): string =>
    Buffer.from((provider.lastTokenRequest().authorization ?? "").slice("Basic ".length), "base64").toString();

  it("a rotated secret is used without a restart", async () => {
    expect(await login()).toBe(303);
    expect(sent()).toBe("cloakroom-test:the-first-client-secret");
    writeFileSync(file, "the-second-client-secret");
    expect(await login()).toBe(303);
    expect(sent()).toBe("cloakroom-test:the-second-client-secret");
  });

  it.each([
    ["missing", () => rmSync(file)],
    ["empty", () => writeFileSync(file, "")],
  ])("a file that is %s for a moment keeps the last content, and readiness reports it", async (_name, damage) => {
    damage();
    expect(await login()).toBe(303);
    expect(sent()).toBe("cloakroom-test:the-first-client-secret");
    const { status, detail } = await gateway.readiness("provider");
    expect(status).toBe("degraded");
    expect(detail).toMatch(/OIDC_CLIENT_SECRET_FILE.*The last valid content is used/);
    writeFileSync(file, "the-second-client-secret");
    expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
    expect(await login()).toBe(303);
    expect(sent()).toBe("cloakroom-test:the-second-client-secret");
  });

  it("a request that is rejected during the rotation is repeated with the new secret", async () => {
    const rejected: (string | undefined)[] = [];
    provider.overrides.raw = (path, response) => {
      const { authorization } = provider.posts.at(-1)?.headers ?? {};
      const isOld = Buffer.from(authorization?.slice(6) ?? "", "base64")
        .toString()
        .endsWith("first-client-secret");
      if (path !== "/token" || !isOld) return false;
      rejected.push(authorization);
      writeFileSync(file, "the-second-client-secret");
      response.writeHead(401, { "content-type": "application/json" }).end('{"error":"invalid_client"}');
      return true;
    };
    expect(await login()).toBe(303);
    expect(rejected).toHaveLength(1);
    expect(sent()).toBe("cloakroom-test:the-second-client-secret");
  });
});
