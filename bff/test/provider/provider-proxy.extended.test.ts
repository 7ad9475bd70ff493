// Outbound proxy and private CA for requests to the provider. A rejected tunnel spends no refresh token (I4).
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { startConnectProxy, type ConnectProxy } from "@cloakroom/testkit/connect-proxy.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { createProvider, type Provider } from "../../src/provider/provider.ts";
import { tempFile } from "./client-key-files.ts";

const authority = testAuthority();
const stranger = testAuthority("another CA");
const caFile = tempFile(authority.cert);
const USER = { subject: "alice", tokens: { idToken: "", scope: "openid" } };

let secure: HostileProvider;
let plain: HostileProvider;
let proxy: ConnectProxy;
let gateway: TestGateway | undefined;

beforeAll(async () => {
  secure = await startHostileProvider({ tls: authority.issue("127.0.0.1") });
  plain = await startHostileProvider();
});
afterAll(async () => {
  await secure.stop();
  await plain.stop();
});
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
  await proxy.stop();
});

const hostOf = ({ issuer }: HostileProvider): string => new URL(issuer).host;

async function gatewayOf(provider: HostileProvider, env: (proxyUrl: string) => Record<string, string>) {
  const ports = [secure, plain].map((each) => [hostOf(each), Number(new URL(each.issuer).port)] as const);
  proxy = await startConnectProxy(Object.fromEntries(ports));
  gateway = await startGateway({ ...provider, env: { OIDC_CA_FILE: caFile, ...env(proxy.url) } });
  return gateway;
}

function throughProvider(url: string): Promise<string> {
  if (url.startsWith("http:")) return fetch(url, { redirect: "manual" }).then((r) => r.headers.get("location") ?? "");
  return new Promise((resolve, reject) => {
    request(url, { ca: authority.cert }, (response) => resolve(response.headers.location ?? ""))
      .on("error", reject)
      .end();
  });
}

const login = async (at: TestGateway): Promise<number> =>
  (await testBrowser(at.origin, throughProvider).login()).status;

describe("an outbound proxy", () => {
  it.each([
    ["HTTPS_PROXY", () => secure],
    ["https_proxy", () => secure],
    ["HTTP_PROXY", () => plain],
    ["http_proxy", () => plain],
  ])("an outbound proxy, %s: every request to the provider uses a tunnel of its own", async (name, provider) => {
    const at = await gatewayOf(provider(), (url) => ({ [name]: url }));
    expect(await at.readiness("provider")).toEqual({ status: "ok" });
    expect(await login(at)).toBe(303);
    // Discovery, the probe, the code, the keys.
    expect(proxy.targets.length).toBeGreaterThanOrEqual(4);
    expect(new Set(proxy.targets)).toEqual(new Set([hostOf(provider())]));
  });

  it.each([
    ["NO_PROXY names the host", (url: string) => ({ HTTPS_PROXY: url, NO_PROXY: "other.example,127.0.0.1" })],
    ["no_proxy is *", (url: string) => ({ HTTPS_PROXY: url, no_proxy: "*" })],
    ["only HTTP_PROXY is set", (url: string) => ({ HTTP_PROXY: url })],
  ])("an outbound proxy is not used if %s", async (_name, env) => {
    const at = await gatewayOf(secure, env);
    expect(await login(at)).toBe(303);
    expect(proxy.targets).toEqual([]);
  });

  it("an outbound proxy receives its user and password, which are never logged", async () => {
    const at = await gatewayOf(secure, (url) => ({ HTTPS_PROXY: url.replace("//", "//jane:canary-p%40ss@") }));
    expect(await login(at)).toBe(303);
    expect(proxy.authorization).toBe(`Basic ${Buffer.from("jane:canary-p@ss").toString("base64")}`);
    expect(secure.posts.at(-1)?.headers["proxy-authorization"]).toBeUndefined();
    proxy.behaviour = { kind: "reject", status: 407 };
    await login(at).catch(() => undefined);
    const seen = at.log.join("\n") + JSON.stringify(await at.readiness("provider"));
    expect(seen).not.toContain("canary");
    expect(seen).not.toContain(Buffer.from("jane:canary-p@ss").toString("base64"));
  });
});

describe("a proxy that opens no tunnel", () => {
  const FAULTS: [string, () => void | Promise<void>, RegExp][] = [
    ["rejects with 403", () => void (proxy.behaviour = { kind: "reject", status: 403 }), /\(403\)/],
    ["asks for a password", () => void (proxy.behaviour = { kind: "reject", status: 407 }), /\(407\)/],
    ["cannot reach the provider", () => void (proxy.behaviour = { kind: "reject", status: 502 }), /\(502\)/],
    ["closes the connection", () => void (proxy.behaviour = { kind: "close" }), /\(UND_ERR_SOCKET|ECONNRESET/],
    ["does not respond", () => void (proxy.behaviour = { kind: "hang" }), /\(UND_ERR_HEADERS_TIMEOUT\)/],
    ["is down", () => proxy.stop(), /\(ECONNREFUSED\)/],
  ];

  it.each(FAULTS)(
    "a proxy that opens no tunnel, %s: readiness names the setting, and a refresh is unspent",
    async (_name, apply, sentence) => {
      // Longer than the limit on opening a tunnel.
      const at = await gatewayOf(plain, (url) => ({ HTTP_PROXY: url, OIDC_TIMEOUT_SECONDS: "8" }));
      const provider: Provider = createProvider({
        ...{ config: at.config.provider, publicOrigin: at.origin },
        log: { info() {}, warn() {}, error() {} },
      });
      expect(await provider.check()).toBeUndefined();
      plain.posts.length = 0;
      await apply();
      const outcome = await provider.refresh("refresh-1", { ...USER, issuer: plain.issuer });
      expect(outcome).toMatchObject({ kind: "unspent" });
      expect(plain.posts).toEqual([]);
      const { status, detail } = await at.readiness("provider");
      expect(status).toBe("failed");
      expect(detail).toMatch(/^the proxy 127\.0\.0\.1:\d+ \(HTTPS_PROXY, HTTP_PROXY\) opens no tunnel/);
      expect(detail).toMatch(sentence);
      if (_name === "is down") proxy = await startConnectProxy({});
    },
    60_000,
  );

  it("a tunnel that is reset after the request makes the outcome of a refresh unknown", async () => {
    const at = await gatewayOf(plain, (url) => ({ HTTP_PROXY: url }));
    const provider: Provider = createProvider({
      ...{ config: at.config.provider, publicOrigin: at.origin },
      log: { info() {}, warn() {}, error() {} },
    });
    expect(await provider.check()).toBeUndefined();
    proxy.resetsAfter = () => true;
    const outcome = await provider.refresh("refresh-1", { ...USER, issuer: plain.issuer });
    expect(outcome).toMatchObject({ kind: "unknown" });
    proxy.resetsAfter = undefined;
    expect((await provider.refresh("refresh-1", { ...USER, issuer: plain.issuer })).kind).not.toBe("unspent");
  });
});

describe("OIDC_CA_FILE", () => {
  const noProxy = () => ({});
  it("a certificate that OIDC_CA_FILE does not cover is named in readiness", async () => {
    const at = await gatewayOf(secure, () => ({ OIDC_CA_FILE: tempFile(stranger.cert) }));
    const { status, detail } = await at.readiness("provider");
    expect(status).toBe("failed");
    expect(detail).toMatch(
      /^OIDC_ISSUER.*certificate of 127\.0\.0\.1:\d+ is signed by a CA that is not trusted.*OIDC_CA_FILE/,
    );
  });

  it("OIDC_CA_FILE may contain several CAs, and is used for the keys too", async () => {
    const at = await gatewayOf(secure, () => ({ OIDC_CA_FILE: tempFile(stranger.cert + authority.cert) }));
    expect(await login(at)).toBe(303);
  });

  it("OIDC_CA_FILE is read again when it changes; while it is damaged, the last content is used", async () => {
    const file = tempFile(stranger.cert);
    const at = await gatewayOf(secure, () => ({ ...noProxy(), OIDC_CA_FILE: file }));
    expect((await at.readiness("provider")).status).toBe("failed");
    writeFileSync(file, authority.cert);
    await expect.poll(() => at.readiness("provider")).toEqual({ status: "ok" });
    writeFileSync(file, "damaged");
    expect(await login(at)).toBe(303);
    await expect
      .poll(() => at.readiness("provider"))
      .toMatchObject({
        status: "degraded",
        detail: expect.stringMatching(/^OIDC_CA_FILE holds no certificate.*last valid/),
      });
  });
});
