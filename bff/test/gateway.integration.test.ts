// Several applications in one gateway: selection by Host, logout tokens, readiness, metrics and log (I9 itself:
// session/two-applications.extended.test.ts).
import { connect } from "node:net";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { request } from "undici";
import { userIndex } from "../src/session/indexes.ts";
import { openStream } from "@cloakroom/testkit/open-stream.ts";
import { startApplicationSystem, type ApplicationSystem } from "@cloakroom/testkit/application-system.ts";
import { userOf } from "@cloakroom/testkit/system.ts";

let system: ApplicationSystem;
beforeAll(async () => {
  system = await startApplicationSystem(
    [
      { id: "shop" },
      { id: "desk" },
      // One registration at the provider for two applications.
      { id: "twin-a", clientId: "twin" },
      { id: "twin-b", clientId: "twin" },
    ],
    { env: { MAX_EVENT_STREAMS: "8" } },
  );
});
afterAll(() => system.stop());

const portOf = () => new URL(system.origin).port;

async function get(host: string, path = "/bff/user", headers: Record<string, string> = {}) {
  const response = await request(system.origin + path, {
    headers: { host, "x-csrf": "1", "sec-fetch-site": "same-origin", ...headers },
  });
  return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
}

describe("the Host header", () => {
  it.each([
    ["shop", () => `localhost:${portOf()}`],
    ["shop", () => `LOCALHOST:${portOf()}`],
    ["desk", () => `127.0.0.2:${portOf()}`],
    ["twin-a", () => `127.0.0.3:${portOf()}`],
  ])("selects the application %s", async (id, host) => {
    const before = system.log.length;
    expect((await get(host())).status).toBe(200);
    await expect
      .poll(() => system.log.slice(before).map((line) => JSON.parse(line) as Record<string, unknown>))
      .toContainEqual(expect.objectContaining({ msg: "request", application: id, status: 200 }));
  });

  it.each([
    ["of no application", () => "unknown.test"],
    ["of no application, with the gateway's port", () => `unknown.test:${portOf()}`],
    ["of an application with another port", () => "127.0.0.2:1"],
    ["of an application without its port", () => "127.0.0.2"],
    ["that an application's host ends with", () => `x127.0.0.2:${portOf()}`],
    ["that begins with an application's host", () => `127.0.0.2.test:${portOf()}`],
    ["in another notation of the address", () => `127.0.2:${portOf()}`],
    ["with credentials", () => `user@127.0.0.2:${portOf()}`],
    ["that is a list", () => `127.0.0.2:${portOf()}, localhost:${portOf()}`],
    ["that is empty", () => ""],
    ["that only looks like a host", () => "::::"],
  ])("%s is 421", async (_what, host) => {
    const response = await get(host());
    expect(response.status).toBe(421);
    expect(JSON.parse(response.text)).toMatchObject({ code: "request_malformed" });
    expect(response.headers["set-cookie"]).toBeUndefined();
    expect(response.headers["strict-transport-security"]).toBeUndefined();
  });

  it("the Host header with a trailing dot leads a navigation to the application's own origin", async () => {
    const navigation = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", accept: "text/html" };
    const response = await get(`127.0.0.2.:${portOf()}`, "/bff/user", navigation);
    expect([response.status, response.headers["location"]]).toEqual([308, `${system.publicOriginOf("desk")}/bff/user`]);
    expect((await get(`127.0.0.2.:${portOf()}`)).status).toBe(421);
  });

  it("that occurs twice is 400, although the first one is an application's", async () => {
    const [a, b] = [`localhost:${portOf()}`, `127.0.0.2:${portOf()}`];
    expect(await raw(`GET /bff/user HTTP/1.1\r\nHost: ${a}\r\nHost: ${b}\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /);
    expect(await raw("GET /bff/user HTTP/1.1\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
  });

  it("selects each request of one connection", async () => {
    const ask = (id: string, more = "") =>
      `GET /bff/user HTTP/1.1\r\nHost: ${new URL(system.publicOriginOf(id)).host}\r\nX-CSRF: 1\r\nSec-Fetch-Site: same-origin\r\n${more}\r\n`;
    const before = system.log.length;
    const text = await raw(ask("shop") + ask("desk") + ask("twin-a", "Connection: close\r\n"));
    expect(text.match(/HTTP\/1.1 200 /g)).toHaveLength(3);
    const applications = () =>
      system.log
        .slice(before)
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ msg }) => msg === "request")
        .map(({ application }) => application);
    await expect.poll(applications).toEqual(["shop", "desk", "twin-a"]);
  });

  it("the Host header is not needed to know the application of a rejected protocol", async () => {
    expect(await raw("GARBAGE\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
  });
});

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(portOf()), "127.0.0.1", () => socket.end(text));
    let received = "";
    socket.on("data", (bytes: Buffer) => (received += bytes.toString()));
    socket.on("close", () => resolve(received)).on("error", reject);
  });
}

describe("a logout token", () => {
  const send = async (token: string, host = "idp-calls-this.test") => {
    const body = new URLSearchParams({ logout_token: token }).toString();
    const headers = { host, "content-type": "application/x-www-form-urlencoded" };
    const response = await request(`${system.origin}/bff/backchannel-logout`, { method: "POST", headers, body });
    await response.body.dump();
    return response.statusCode;
  };

  it.each([
    ["an unknown host", () => "idp-calls-this.test"],
    ["the host of another application", () => new URL(system.publicOriginOf("shop")).host],
    ["its own host", () => new URL(system.publicOriginOf("desk")).host],
  ])("at %s ends the sessions of the application of its audience", async (_where, host) => {
    const user = await system.newUser();
    const [inShop, inDesk] = [await system.login("shop", user), await system.login("desk", user)];
    const token = await system.provider.logoutToken({ aud: "desk", sid: undefined, sub: user.sub });
    expect(await send(token, host())).toBe(200);
    expect([await userOf(inShop), await userOf(inDesk)]).toEqual([user.sub, undefined]);
    expect(await send(token, host())).toBe(400);
  });

  it("for several audiences ends the sessions of all of them", async () => {
    const user = await system.newUser();
    const browsers = [await system.login("shop", user), await system.login("desk", user)];
    const aud = ["shop", "desk", "another-client"];
    const token = await system.provider.logoutToken({ aud, sid: undefined, sub: user.sub });
    expect(await send(token)).toBe(200);
    expect(await Promise.all(browsers.map(userOf))).toEqual([undefined, undefined]);
  });

  it.each([
    ["another audience", { aud: "another-client" }],
    ["an audience that differs in case", { aud: "Desk" }],
    ["no audience", { aud: undefined }],
    ["another issuer", { iss: "https://other.test" }],
    ["the issuer with a slash", { iss: () => `${system.provider.issuer}/` }],
  ])("with %s is 400", async (_what, claims) => {
    const own = Object.fromEntries(
      Object.entries(claims).map(([name, value]) => [name, typeof value === "function" ? value() : value]),
    );
    const token = await system.provider.logoutToken({ aud: "desk", sid: undefined, sub: "x", ...own });
    expect(await send(token)).toBe(400);
  });

  it.each([["not a token"], ["a.b.c"], [""]])("that is %j is 400", async (text) => {
    expect(await send(text)).toBe(400);
  });

  it("a logout token with a sid of one of two applications of the same client ends no session of the other", async () => {
    const user = await system.newUser();
    const [inA, inB] = [await system.login("twin-a", user), await system.login("twin-b", user)];
    const { sid } = await storedAt("twin-a", user.sub);
    const token = await system.provider.logoutToken({ aud: "twin", sid, sub: user.sub });
    expect(await send(token)).toBe(200);
    expect([await userOf(inA), await userOf(inB)]).toEqual([undefined, user.sub]);
  });

  it("a logout token with a sid ends no session without a sid at another application of the same client", async () => {
    const user = await system.newUser();
    const inA = await system.login("twin-a", user);
    const { sid, record } = await storedAt("twin-a", user.sub);
    const { store } = system.application("twin-b");
    const key = randomUUID();
    const { hash } = userIndex({ issuer: system.provider.issuer, subject: user.sub });
    const session = record.replace(/,?"providerSid":"[^"]+"/, "");
    await store.create({ key, session, tokens: "sealed", idleMs: 60_000, maxMs: 60_000 });
    await store.addToIndex({ kind: "user-without-sid", hash }, { key, maxMs: 60_000, issuedAtSeconds: 1 });
    const token = await system.provider.logoutToken({ aud: "twin", sid, sub: user.sub });
    expect(await send(token)).toBe(200);
    expect(await userOf(inA)).toBeUndefined();
    expect(await store.read(key)).toBeDefined();
  });

  it("a logout token with a sub only ends the user's sessions at both applications of the client", async () => {
    const user = await system.newUser();
    const browsers = [await system.login("twin-a", user), await system.login("twin-b", user)];
    const token = await system.provider.logoutToken({ aud: "twin", sid: undefined, sub: user.sub });
    expect(await send(token)).toBe(200);
    expect(await Promise.all(browsers.map(userOf))).toEqual([undefined, undefined]);
  });

  /** The newest session of a user, and the `sid` that the ID token named. */
  async function storedAt(id: string, sub: string): Promise<{ sid: string; record: string }> {
    const { store } = system.application(id);
    const keys = await store.listIndex(userIndex({ issuer: system.provider.issuer, subject: sub }));
    const record = (await store.read(keys.at(-1)!))!.session;
    const [, sid] = /"providerSid":"([^"]+)"/.exec(record) ?? [];
    expect(sid).toBeDefined();
    return { sid: sid!, record };
  }
});

describe("limits of the process", () => {
  it("limits of the process leave event streams for the other applications when one application opens its maximum", async () => {
    const user = await system.newUser();
    const [inShop, inDesk] = [await system.login("shop", user), await system.login("desk", user)];
    const open = (id: string, browser: typeof inShop) => openStream(browser, system.application(id), "/bff/events");
    // Of eight streams, one is reserved for each of the four applications, and four are for all.
    const streams = [];
    for (let count = 0; count < 7; count++) streams.push(await open("shop", inShop));
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const other = await open("desk", inDesk);
    expect(other.status).toBe(200);
    for (const stream of [...streams, other]) stream.close();
  });
});

describe("readiness", () => {
  it("readiness names the checks of each application, and the shared ones once", () => {
    const names = system.gateway.checks().map(({ name }) => name);
    expect(names.filter((name) => name.endsWith("store"))).toEqual(["store"]);
    expect(names).toContain("applications");
    for (const id of ["shop", "desk", "twin-a", "twin-b"]) expect(names).toContain(`${id}/provider`);
    expect(new Set(names).size).toBe(names.length);
  });

  it("identifies the applications and the configuration", () => {
    expect(system.gateway.identity()).toEqual({
      applications: ["shop", "desk", "twin-a", "twin-b"],
      configuration: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
  });
});

describe("metrics", () => {
  it("metrics count the requests of each application, and of none, with its label", async () => {
    const countOf = async (application: string) =>
      Number(
        new RegExp(
          `^cloakroom_requests_total\\{route="bff",method="GET",status="[24]xx",application="${application}"\\} (\\d+)`,
          "m",
        ).exec(await system.metrics.scrape())?.[1] ?? 0,
      );
    const before = { desk: await countOf("desk"), shop: await countOf("shop"), none: await countOf("") };
    await get(new URL(system.publicOriginOf("desk")).host);
    await get("unknown.test");
    await expect.poll(() => countOf("desk")).toBe(before.desk + 1);
    await expect.poll(() => countOf("")).toBe(before.none + 1);
    expect(await countOf("shop")).toBe(before.shop);
  });

  it("have one group of each name, with every series of an application labelled", async () => {
    const text = await system.metrics.scrape();
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
    const unlabelled = text
      .split("\n")
      .filter((line) => line.startsWith("cloakroom_") && !/^cloakroom_(process|nodejs|configuration)_/.test(line))
      .filter((line) => !/[{,]application="/.test(line));
    expect(unlabelled).toEqual([]);
  });
});
