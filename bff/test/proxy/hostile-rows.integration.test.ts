// The hostile headers and targets of the other suites, once for each type of upstream row, through real sockets.
import { request } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";
import { FORWARDED, NEVER_FORWARDED, spellingsOf } from "../headers/header-families.ts";
import { AMBIGUOUS_TARGETS } from "./forward-auth-targets.ts";

const PER_REQUEST = 60;
const CANARY = "canary-of-the-browser";
const bearer = { audience: "https://orders.example" };

type Sender = "session" | "token" | "anonymous";
/** `passes`: further headers that the type forwards. */
type RowType = { title: string; prefix: string; row: object; sender: Sender; passes?: RegExp };
const APP = { "x-csrf": "1", "sec-fetch-site": "same-origin" };
const ROW_TYPES: readonly RowType[] = [
  { title: "session", prefix: "/api", row: {}, sender: "session" },
  { title: "session, csrf fetch-metadata", prefix: "/media", row: { csrf: "fetch-metadata" }, sender: "session" },
  { title: "session, no token", prefix: "/who", row: { access: "session", token: "none" }, sender: "session" },
  { title: "optional", prefix: "/maybe", row: { access: "optional" }, sender: "anonymous" },
  { title: "public", prefix: "/hooks", row: { access: "public" }, sender: "anonymous" },
  { title: "bearer", prefix: "/machine", row: { access: "bearer", bearer }, sender: "token" },
  {
    title: "session-or-bearer with a token",
    prefix: "/both",
    row: { access: "session-or-bearer", bearer },
    sender: "token",
  },
  {
    title: "session-or-bearer with a session",
    prefix: "/either",
    row: { access: "session-or-bearer", bearer },
    sender: "session",
  },
  {
    title: "server-rendered pages",
    prefix: "",
    row: { access: "optional", csrf: "same-origin" },
    sender: "session",
    passes: /^referer$/i,
  },
];

let system: TestSystem;
let fieldsOf: Record<Sender, Record<string, string>>;

beforeAll(async () => {
  system = await startTestSystem({
    upstreams: (baseUrl) =>
      ROW_TYPES.flatMap(({ prefix, row }) => [
        { ...row, prefix: prefix || "/", baseUrl: baseUrl + prefix },
        { ...row, prefix: `${prefix}/files`, baseUrl: `${baseUrl}${prefix}/files`, encodedSlashes: true },
      ]),
  });
  const browser = system.browser();
  await browser.login();
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const nowSeconds = Math.floor(Date.now() / 1000);
  const token = await system.provider.sign(
    {
      ...{ iss: system.provider.issuer, sub: "robot", client_id: "robot", aud: bearer.audience },
      ...{ iat: nowSeconds, exp: nowSeconds + 600, jti: "1" },
    },
    { typ: "at+jwt" },
  );
  fieldsOf = {
    session: { ...APP, cookie },
    token: { authorization: `Bearer ${token}` },
    anonymous: APP,
  };
});
afterAll(() => system.stop());
beforeEach(() => void (system.received.length = 0));

/** @returns the status of the response */
function send(path: string, sender: Sender, fields: readonly (readonly [string, string])[] = []): Promise<number> {
  const { hostname, port, host } = new URL(system.gateway.config.publicOrigin);
  const headers = ["host", host, ...Object.entries(fieldsOf[sender]).flat(), ...fields.flat()];
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, headers, agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    sent.on("error", reject).end();
  });
}

/** Rejected or consumed by Node, request validation or DPoP, which have tests of their own. */
const READ_IN_FRONT = /^(te|trailer|keep-alive|cookie|authorization|origin|http2-settings|dpop)$/i;

describe.each(ROW_TYPES)("a row of the type $title", ({ prefix, sender, passes = /^$/ }) => {
  it("forwards no header that an upstream could trust, in any spelling, and those of applications", async () => {
    const hostile = Object.values(NEVER_FORWARDED).flat().flatMap(spellingsOf);
    const names = [...hostile, ...FORWARDED].filter((name) => !READ_IN_FRONT.test(name));
    const batches = Array.from({ length: Math.ceil(names.length / PER_REQUEST) }, (_, at) =>
      names.slice(at * PER_REQUEST, (at + 1) * PER_REQUEST),
    );
    const forwarded: string[] = [];
    for (const batch of batches) {
      const fields = batch.map((name) => [name, `${CANARY} ${name}.`] as const);
      expect([await send(`${prefix}/x`, sender, fields), batch]).toEqual([200, batch]);
      const arrived = JSON.stringify(system.received.at(-1)!.headers);
      forwarded.push(...batch.filter((name) => arrived.includes(`${CANARY} ${name}.`)));
    }
    expect(system.received).toHaveLength(batches.length);
    expect(forwarded.filter((name) => !passes.test(name))).toEqual(
      FORWARDED.filter((name) => !READ_IN_FRONT.test(name)),
    );
  });

  it("I6: rejects every target that an upstream could read as another path", async () => {
    expect(await send(`${prefix}/files/a%2Fb`, sender)).toBe(200);
    expect(system.received.splice(0)).toHaveLength(1);
    const escaped = `/%${prefix.charCodeAt(1).toString(16)}${prefix.slice(2)}/`;
    const targets = AMBIGUOUS_TARGETS.map(([title, target]) => [
      title,
      prefix === "" ? target : target.replaceAll("/%61pi/", escaped).replaceAll(/([/\\])api/g, `$1${prefix.slice(1)}`),
    ]);
    const statuses = [];
    for (const [title, target] of targets) statuses.push([title, target, await send(target!, sender)]);
    expect(statuses).toEqual(targets.map((target) => [...target, 400]));
    expect(system.received).toEqual([]);
  });
});
