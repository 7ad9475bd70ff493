// The leak search finds every spelling and every fragment of a secret, and nothing else.
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createLeakWatch } from "../src/leaks/leak-watch.ts";
import { findLeaks } from "../src/leaks/search.ts";
import { secretsOf } from "../src/leaks/secrets.ts";

const base64url = (bytes: number): string => randomBytes(bytes).toString("base64url");
const part = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString("base64url");

const HEADER = part({ alg: "RS256", typ: "at+jwt", kid: "1" });
const PAYLOAD = part({ sub: "3f0d4c1e-6a52-4c39-9f5b-0a1ce0000001", iss: "http://127.0.0.1:4000", scope: "openid" });
const SIGNATURE = base64url(256);
const TOKEN = `${HEADER}.${PAYLOAD}.${SIGNATURE}`;
const CODE = base64url(32);

const SECRETS = secretsOf({
  accessTokens: [TOKEN],
  refreshTokens: [],
  idTokens: [],
  logoutTokens: [],
  codes: [CODE],
  clientSecrets: ["a short one"],
});

const leaksIn = (text: string) => findLeaks(SECRETS, [{ location: "here", text }]);
const kindsIn = (text: string) => leaksIn(text).map(({ kind }) => kind);

const hexEscaped = (text: string, prefix: string, suffix = ""): string =>
  Array.from(text, (each) => {
    const code = each.charCodeAt(0).toString(16);
    return `${prefix}${prefix === "\\u" ? code.padStart(4, "0") : code}${suffix}`;
  }).join("");

test.each<[name: string, text: string, form: RegExp]>([
  ["as it is", `{"token":"${TOKEN}"}`, /^as it is/],
  ["without its header", `${PAYLOAD}.${SIGNATURE}`, /^as it is/],
  ["its payload", PAYLOAD, /^as it is/],
  ["its signature", SIGNATURE, /^as it is/],
  ["the first 40 characters of its signature", `${HEADER}.${SIGNATURE.slice(0, 40)}…`, /a part of it/],
  ["39 characters from its middle", SIGNATURE.slice(101, 140), /a part of it/],
  ["in the alphabet of base64", SIGNATURE.replaceAll("-", "+").replaceAll("_", "/"), /a part of it/],
  ["base64 at offset 0", Buffer.from(TOKEN).toString("base64"), /base64/],
  ["base64 at offset 1", Buffer.from(`1${TOKEN}`).toString("base64"), /base64/],
  ["base64 at offset 2", Buffer.from(`12${TOKEN}`).toString("base64url"), /base64/],
  ["base64 in lines of 76 characters", Buffer.from(TOKEN).toString("base64").replace(/.{76}/g, "$&\r\n"), /base64/],
  ["percent-encoded base64", encodeURIComponent(Buffer.from(`xx${TOKEN}`).toString("base64")), /base64/],
  ["hex", Buffer.from(TOKEN).toString("hex"), /hex/],
  ["hex in capitals", Buffer.from(TOKEN).toString("hex").toUpperCase(), /hex/],
  ["percent-encoded", hexEscaped(TOKEN, "%"), /percent-encoded/],
  ["percent-encoded twice", encodeURIComponent(hexEscaped(TOKEN, "%")), /percent-encoded/],
  ["percent-encoded three times", encodeURIComponent(encodeURIComponent(hexEscaped(TOKEN, "%"))), /percent-encoded/],
  ["JSON escapes", hexEscaped(TOKEN, "\\u"), /escaped/],
  ["JavaScript escapes", hexEscaped(TOKEN, "\\x"), /escaped/],
  ["HTML entities", hexEscaped(TOKEN, "&#x", ";"), /HTML entities/],
  ["decimal HTML entities", Array.from(TOKEN, (each) => `&#${each.charCodeAt(0)};`).join(""), /HTML entities/],
  ["server-sent events", (TOKEN.match(/.{1,15}/g) ?? []).map((piece) => `data: ${piece}\n\n`).join(""), /in pieces/],
  ["a list of pieces", JSON.stringify(TOKEN.match(/.{1,8}/g)), /in pieces/],
  ["an indented list of pieces", JSON.stringify(TOKEN.match(/.{1,8}/g), null, 2), /in pieces/],
  ["UTF-16", Buffer.from(TOKEN, "utf16le").toString("latin1"), /in pieces/],
])("an access token is found: %s", (_name, text, form) => {
  const found = leaksIn(`before ${text} after`).filter(({ kind }) => kind.startsWith("accessTokens"));
  expect(found.map((leak) => leak.form).join()).toMatch(form);
});

test("a whole token, its payload and its signature are reported by their kinds", () => {
  expect(kindsIn(TOKEN).toSorted()).toEqual(["accessTokens", "accessTokens (payload)", "accessTokens (signature)"]);
  expect(kindsIn(SIGNATURE)).toEqual(["accessTokens (signature)"]);
  expect(kindsIn(`?code=${CODE}`)).toEqual(["codes"]);
  expect(kindsIn("this is a short one")).toEqual(["clientSecrets"]);
});

test("a report does not contain the secret", () => {
  expect(JSON.stringify(leaksIn(TOKEN))).not.toContain(SIGNATURE.slice(0, 10));
});

test.each<[name: string, text: string]>([
  ["an empty text", ""],
  ["the header of the token, which is not secret", `${HEADER}.`],
  ["decoded claims", Buffer.from(PAYLOAD, "base64url").toString()],
  ["another token", `${HEADER}.${part({ sub: "another user" })}.${base64url(256)}`],
  ["15 characters of the signature", SIGNATURE.slice(0, 15)],
  ["malformed escapes", "%zz %e2%28%a1 \\u12 &#x110000; &#99999999;"],
  ["random base64", randomBytes(50_000).toString("base64")],
])("nothing is found: %s", (_name, text) => {
  expect(leaksIn(text)).toEqual([]);
});

test("a search of two megabytes of base64 takes at most five seconds", () => {
  const text = `${randomBytes(1_500_000).toString("base64")} ${TOKEN}`;
  const startedAtMs = performance.now();
  expect(kindsIn(text)).toContain("accessTokens");
  expect(performance.now() - startedAtMs).toBeLessThan(5_000);
});

test("a search before any login is an error, since it would find nothing", async () => {
  const issuedTokens = async () => ({
    ...{ accessTokens: [], refreshTokens: [], idTokens: [], logoutTokens: [], codes: [], clientSecrets: ["secret"] },
  });
  const watch = createLeakWatch({
    origin: "http://localhost:1",
    provider: { issuer: "http://127.0.0.1:2", issuedTokens },
  });
  await expect(watch.expectNoLeak()).rejects.toThrow("has issued no token");
});

test("of a code of Keycloak only the random part is secret: session and client id are in claims and URLs", () => {
  const [random, sessionId, clientId] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
  const issued = { accessTokens: [], refreshTokens: [], idTokens: [], logoutTokens: [], clientSecrets: [] };
  const secrets = secretsOf({ ...issued, codes: [`${random}.${sessionId}.${clientId}`] });
  const find = (text: string) => findLeaks(secrets, [{ location: "here", text }]);
  expect(find(`?session_state=${sessionId}&client=${clientId}`)).toEqual([]);
  expect(find(`?code=${random}.${sessionId}.${clientId}`)).toHaveLength(1);
  expect(find(`only ${random}`)).toHaveLength(1);
});
