// Headers of server-rendered pages: cookies of the app, policies of its pages, caching.
import { describe, expect, it } from "vitest";
import { appCookies, appSetCookie } from "../../src/headers/page-cookies.ts";
import { pageCacheControl, pageDefaults, pageRequestHeaders } from "../../src/headers/page-headers.ts";
import * as cookies from "../../src/session/cookies.ts";

const OURS = [
  ...Object.values(cookies).flatMap((value) =>
    typeof value === "string" && value.includes("Host") ? [value as string] : [],
  ),
  `${cookies.LOGIN_COOKIE_PREFIX}aaaaaaa00000000`,
  ...[cookies.insecureCookiePrefix("http://localhost:3000"), cookies.insecureCookiePrefix("http://localhost")].map(
    (prefix) => `${prefix}session`,
  ),
].filter((name) => name !== cookies.COOKIE_PREFIX);

describe("appCookies", () => {
  it.each(OURS)("removes %s", (name) => {
    expect(appCookies(`${name}=secret`)).toBeUndefined();
    expect(appCookies(`a=1; ${name}=secret; b=2`)).toBe("a=1; b=2");
    expect(appCookies(`${name}=x;a=1;\t${name}=secret`)).toBe("a=1");
    expect(appCookies(`${name.toLowerCase()}=secret; a=1`)).toBe("a=1");
  });

  it.each(["theme=dark", "a=1; b=2", "__Host-theme=1", "cloakroom-theme=1", "x=cloakroom-", "flag", "a=b=c"])(
    "keeps %s",
    (header) => {
      expect(appCookies(header)).toBe(header);
    },
  );
});

describe("appSetCookie", () => {
  it.each(
    OURS.flatMap((name) => [`${name}=x`, `${name.toLowerCase()}=x; Path=/`, ` ${name} =x`, `\t${name.toUpperCase()}=`]),
  )("rejects %j", (line) => {
    expect(appSetCookie(line)).toBeUndefined();
  });

  it.each([
    "=__Host-Http-session=x",
    "__Host-Http-session",
    "flag",
    "=x",
    "",
    "a b=1",
    "a\u00a0=1",
    "a\t=1;".replace("\t", "\u0000"),
  ])("rejects the nameless or unreadable %j", (line) => {
    expect(appSetCookie(line)).toBeUndefined();
  });

  it.each([
    ["theme=dark; Path=/; Max-Age=60", "theme=dark; Path=/; Max-Age=60"],
    ["theme=dark; Domain=example.com; Path=/", "theme=dark; Path=/"],
    ["theme=dark;domain = .example.com;Secure", "theme=dark;Secure"],
    ["theme=dark; DOMAIN", "theme=dark"],
    ['s="a=b"; HttpOnly; SameSite=Lax', 's="a=b"; HttpOnly; SameSite=Lax'],
  ])("forwards %s as %s", (line, expected) => {
    expect(appSetCookie(line)).toBe(expected);
  });
});

describe("pageRequestHeaders", () => {
  it.each([
    [{ referer: "https://app.test/list?x=1" }, ["referer", "https://app.test/list?x=1"]],
    [{ referer: "https://other.test/" }, ["referer", "https://other.test/"]],
    [{ referer: "https://app.test/bff/callback?code=c&state=s" }, []],
    [{ origin: "https://app.test" }, ["origin", "https://app.test"]],
    [{ cookie: "__Host-Http-session=id" }, []],
  ])("of %o are %o", (headers, expected) => {
    expect(pageRequestHeaders(headers, "https://app.test")).toEqual(expected);
  });
});

describe("pageDefaults", () => {
  const DEFAULTS = [
    "Content-Security-Policy",
    "d",
    "X-Frame-Options",
    "DENY",
    "X-Content-Type-Options",
    "nosniff",
    "Referrer-Policy",
    "same-origin",
  ];
  it.each([
    [{}, DEFAULTS],
    [{ "referrer-policy": "origin" }, DEFAULTS.slice(0, 6)],
    [{ "content-security-policy": "script-src 'self'" }, DEFAULTS.slice(2)],
    [{ "content-security-policy": "frame-ancestors https://a.test" }, DEFAULTS.slice(4)],
    [{ "x-frame-options": "SAMEORIGIN" }, [...DEFAULTS.slice(0, 2), ...DEFAULTS.slice(4)]],
    [{ "content-security-policy-report-only": "x" }, DEFAULTS],
    // The gateway's, whatever the app sends.
    [{ "x-content-type-options": "none" }, DEFAULTS],
  ])("for a response with %o are %o", (received, expected) => {
    expect(pageDefaults(DEFAULTS, received)).toEqual(expected);
  });
});

describe("pageCacheControl", () => {
  const asset = (value: string, more = {}) => ({ "cache-control": value, "content-type": "text/javascript", ...more });
  const IMMUTABLE = "public, max-age=31536000, immutable";
  it.each([
    ["no header", {}, "no-store", "no-store"],
    ["no-store", { "cache-control": "no-store, max-age=0" }, "no-store", "no-store"],
    [
      "a public document",
      { "cache-control": "public, max-age=600", "content-type": "text/html" },
      "private, no-cache",
      "private, no-cache",
    ],
    [
      "an immutable document",
      { "cache-control": IMMUTABLE, "content-type": "text/html; charset=utf-8" },
      "private, no-cache",
      "private, no-cache",
    ],
    [
      "s-maxage",
      { "cache-control": "s-maxage=31536000", "content-type": "text/html" },
      "private, no-cache",
      "private, no-cache",
    ],
    [
      "immutable data",
      { "cache-control": IMMUTABLE, "content-type": "application/json" },
      "private, no-cache",
      "private, no-cache",
    ],
    [
      "a component payload",
      { "cache-control": IMMUTABLE, "content-type": "text/x-component" },
      "private, no-cache",
      "private, no-cache",
    ],
    ["a hashed asset", asset(IMMUTABLE), "private, max-age=31536000, immutable", IMMUTABLE],
    ["an asset that is not hashed", asset("public, max-age=0"), "private, no-cache", "private, no-cache"],
    [
      "a hashed asset with a cookie",
      asset(IMMUTABLE, { "set-cookie": ["a=1"] }),
      "private, no-cache",
      "private, no-cache",
    ],
    ["immutable without an age", asset("immutable"), "private, no-cache", "private, no-cache"],
  ])("of %s", (_name, headers, withSession, anonymous) => {
    expect([pageCacheControl(headers, false), pageCacheControl(headers, true)]).toEqual([withSession, anonymous]);
  });
});
