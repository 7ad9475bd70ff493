// Mutants of the cookie parser and of login states.
import type { Mutant } from "./mutants.ts";

export const COOKIE_MUTANTS: readonly Mutant[] = [
  {
    breaks: "cookies: the parser trims Unicode whitespace",
    file: "src/lib/cookie-header.ts",
    find: "return code === 0x20 || code === 0x09;",
    replace: "return String.fromCharCode(code).trim() === '';",
    tests: ["test/http/cookie-header.extended.test.ts"],
  },
  {
    breaks: "cookies: a cookie is read by a text search in the Cookie header",
    file: "src/session/cookies.ts",
    find: "const [cookie, duplicate] = parseCookieHeader(cookieHeader).filter((each) => each.name === name);",
    replace:
      "const [duplicate, cookie] = [undefined, { value: cookieHeader.split(`${name}=`)[1]?.split(';')[0]?.trim() }];",
    tests: ["test/http/cookie-header.extended.test.ts"],
  },
  {
    breaks: "cookies: cookie names are compared case-insensitively",
    file: "src/session/cookies.ts",
    find: ".filter((each) => each.name === name);",
    replace: ".filter((each) => each.name.toLowerCase() === name.toLowerCase());",
    tests: ["test/http/cookie-header.extended.test.ts"],
  },
  {
    breaks: "cookies: of two session cookies the first one is used",
    file: "src/session/cookies.ts",
    find: "return duplicate === undefined ? cookie?.value : undefined;",
    replace: "return duplicate === null ? undefined : cookie?.value;",
    tests: ["test/session/cookies.test.ts"],
  },
  {
    breaks: "cookies: request validation accepts duplicates of the gateway's cookies",
    file: "src/http/request-validation.ts",
    find: "if (duplicateCookieNames(headers.cookie).length > 0) return DUPLICATE_COOKIE;",
    replace: "",
    tests: ["test/http/cookie-header.extended.test.ts"],
  },
  {
    breaks: "cookies: a planted duplicate cookie is rejected but never removed",
    file: "src/http/request-validation.ts",
    find: 'if (setCookies.length > 0) ctx.res.setHeader("Set-Cookie", setCookies);',
    replace: "",
    tests: ["test/http/cookie-cleanup.test.ts"],
  },
  {
    breaks: "cookies: removing a planted duplicate also removes the session cookie",
    file: "src/http/cookie-cleanup.ts",
    find: "return isOwn ? undefined : `",
    replace: "return `",
    tests: ["test/http/cookie-cleanup.test.ts"],
  },
  {
    breaks: "cookies: a planted cookie without a name is rejected but never removed",
    file: "src/http/cookie-cleanup.ts",
    find: "...take(places, nameless, MAX_NAMELESS_BYTES, random()),",
    replace: "",
    tests: ["test/http/cookie-cleanup.test.ts"],
  },
  {
    breaks: "login state: several encodings of one state are accepted",
    file: "src/lib/base64url.ts",
    find: 'return bytes.toString("base64url") === text ? bytes : undefined;',
    replace: "return bytes;",
    tests: ["test/auth/state-spelling.integration.test.ts"],
  },
  {
    breaks: "INSECURE_COOKIES: an insecure cookie is used beside the Secure one",
    file: "src/http/insecure-cookies.ts",
    find: "if (!isSecure) acceptInsecure",
    replace: "acceptInsecure",
    tests: ["test/auth/insecure-cookies.integration.test.ts"],
  },
  {
    breaks: "INSECURE_COOKIES: a browser that stores Secure cookies gets an insecure session cookie",
    file: "src/http/insecure-cookies.ts",
    find: "(!isSecure || /^[^=]+=;/.test(line))",
    replace: "true",
    tests: ["test/auth/insecure-cookies.integration.test.ts"],
  },
  {
    breaks: "INSECURE_COOKIES: accepted on an origin that is not http on loopback",
    file: "src/config/setting-rules.ts",
    find: '!(loopback && origin.startsWith("http:"))',
    replace: "origin === ''",
    tests: ["test/auth/insecure-cookies.integration.test.ts"],
  },
  {
    breaks: "HEAD /bff/login starts a login",
    file: "src/app.ts",
    find: '.head(["/bff/login", "/bff/callback", "/bff/logout/provider", "/bff/logout/return"], responseHead)',
    replace: "",
    tests: ["test/auth/head.integration.test.ts"],
  },
];
