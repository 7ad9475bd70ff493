// Ways to break how the gateway reads its cookies and login states, and the tests that must notice.
import type { Mutant } from "./mutants.ts";

export const COOKIE_MUTANTS: readonly Mutant[] = [
  {
    breaks: "K10: the cookie parser trims Unicode blanks",
    file: "src/lib/cookie-header.ts",
    find: "return code === 0x20 || code === 0x09;",
    replace: "return String.fromCharCode(code).trim() === '';",
    tests: ["test/http/cookie-header.test.ts"],
  },
  {
    breaks: "K10: a reader searches the text of the Cookie header",
    file: "src/session/cookies.ts",
    find: "const [cookie, duplicate] = parseCookieHeader(cookieHeader).filter((each) => each.name === name);",
    replace:
      "const [duplicate, cookie] = [undefined, { value: cookieHeader.split(`${name}=`)[1]?.split(';')[0]?.trim() }];",
    tests: ["test/http/cookie-header.test.ts"],
  },
  {
    breaks: "K10: cookie names are compared without regard to case",
    file: "src/session/cookies.ts",
    find: ".filter((each) => each.name === name);",
    replace: ".filter((each) => each.name.toLowerCase() === name.toLowerCase());",
    tests: ["test/http/cookie-header.test.ts"],
  },
  {
    breaks: "K10: a duplicate of the session cookie is accepted, and the first one counts",
    file: "src/session/cookies.ts",
    find: "return duplicate === undefined ? cookie?.value : undefined;",
    replace: "return duplicate === null ? undefined : cookie?.value;",
    tests: ["test/session/cookies.test.ts"],
  },
  {
    breaks: "K10: request validation lets duplicates of our cookies pass",
    file: "src/http/request-validation.ts",
    find: "if (duplicateCookieNames(headers.cookie).length > 0) return DUPLICATE_COOKIE;",
    replace: "",
    tests: ["test/http/cookie-header.test.ts"],
  },
  {
    breaks: "K10: a planted duplicate is refused for ever",
    file: "src/http/request-validation.ts",
    find: 'ctx.res.setHeader("Set-Cookie", expireDuplicates(names, rawPath(ctx.req.url ?? "")));',
    replace: "expireDuplicates(names, rawPath(ctx.req.url ?? ''));",
    tests: ["test/http/cookie-cleanup.test.ts"],
  },
  {
    breaks: "K10: removing a planted duplicate logs the browser out",
    file: "src/http/cookie-cleanup.ts",
    find: "return isOurs ? undefined : `",
    replace: "return `",
    tests: ["test/http/cookie-cleanup.test.ts"],
  },
  {
    breaks: "K10: a planted cookie without a name is refused for ever",
    file: "src/http/cookie-cleanup.ts",
    find: "...take(places, nameless, MAX_NAMELESS_BYTES, random()),",
    replace: "",
    tests: ["test/http/cookie-cleanup.test.ts"],
  },
  {
    breaks: "K11: a state has several spellings",
    file: "src/lib/base64url.ts",
    find: 'return bytes.toString("base64url") === text ? bytes : undefined;',
    replace: "return bytes;",
    tests: ["test/auth/state-spelling.test.ts"],
  },
  {
    breaks: "INSECURE_COOKIES: an insecure cookie counts beside the real one",
    file: "src/http/insecure-cookies.ts",
    find: "if (!isSecure) acceptInsecure",
    replace: "acceptInsecure",
    tests: ["test/auth/insecure-cookies.test.ts"],
  },
  {
    breaks: "INSECURE_COOKIES: a browser that stores Secure cookies gets an insecure session cookie",
    file: "src/http/insecure-cookies.ts",
    find: "(!isSecure || /^[^=]+=;/.test(line))",
    replace: "true",
    tests: ["test/auth/insecure-cookies.test.ts"],
  },
  {
    breaks: "INSECURE_COOKIES: accepted on an origin that is not http on loopback",
    file: "src/config/config.ts",
    find: '!(loopback && origin.startsWith("http:"))',
    replace: "origin === ''",
    tests: ["test/auth/insecure-cookies.test.ts"],
  },
  {
    breaks: "HEAD /bff/login starts a login",
    file: "src/app.ts",
    find: '.head(["/login", "/callback", "/logout/provider"], responseHead)',
    replace: "",
    tests: ["test/auth/head.test.ts"],
  },
];
