import { expect, test } from "vitest";
import { buildLoginUrl, buildReturnPath, maxReturnPathLength } from "../src/login.ts";

const locationOf = (pathname: string, search = "", hash = "") => ({ pathname, search, hash });

test("a return path keeps path, query and hash", () => {
  expect(buildReturnPath(locationOf("/profile", "?x=1&y=a%20b", "#claims"))).toBe("/profile?x=1&y=a%20b#claims");
});

test("draft fields are added to the query and replace parameters of the same name", () => {
  const path = buildReturnPath(locationOf("/call", "?message=old&keep=1", "#h"), { message: "a & b #c" });
  const url = new URL(path, "http://localhost");
  expect(Object.fromEntries(url.searchParams)).toEqual({ message: "a & b #c", keep: "1" });
  expect(url.hash).toBe("#h");
});

test("draft fields, then the query, are left out of a return path that is too long for the gateway", () => {
  const path = buildReturnPath(locationOf("/call", "?keep=1"), { message: "ü".repeat(400) });
  expect(path).toBe("/call?keep=1");
  expect(buildReturnPath(locationOf("/call", `?x=${"y".repeat(maxReturnPathLength)}`))).toBe("/call");
});

test("a path that browsers resolve to another origin is replaced by the start page", () => {
  expect(buildReturnPath(locationOf("//evil.example"))).toBe("/");
  expect(buildReturnPath(locationOf("/\\evil.example"))).toBe("/");
});

const context = { loginPath: "/bff/login", href: "https://app.example/orders?id=7#x", loggedOutPath: "/logged-out" };
const parametersOf = (url: string) => Object.fromEntries(new URL(url, context.href).searchParams);

const logins: readonly [what: string, url: string, parameters: Record<string, string>][] = [
  ["without options returns to the current page", buildLoginUrl({}, context), { returnTo: "/orders?id=7#x" }],
  [
    "has all parameters of the gateway",
    buildLoginUrl(
      {
        returnTo: "/a?b=c d",
        prompt: "login consent",
        loginHint: "alice@example.com",
        uiLocales: ["de", "en"],
        acrValues: ["gold", "silver"],
        maxAge: 0,
        idpHint: "partner",
      },
      context,
    ),
    {
      returnTo: "/a?b=c%20d",
      prompt: "login consent",
      login_hint: "alice@example.com",
      ui_locales: "de en",
      acr_values: "gold silver",
      max_age: "0",
      kc_idp_hint: "partner",
    },
  ],
  ["takes a URL of this origin", buildLoginUrl({ returnTo: "https://app.example/b#c" }, context), { returnTo: "/b#c" }],
  ["resolves a relative path", buildLoginUrl({ returnTo: "b" }, context), { returnTo: "/b" }],
  ...[
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "http://[",
    "blob:https://app.example/x",
  ].map((returnTo): [string, string, Record<string, string>] => [
    `with the return path ${returnTo} returns to the start page`,
    buildLoginUrl({ returnTo }, context),
    { returnTo: "/" },
  ]),
  [
    "on the logged-out page returns to the start page",
    buildLoginUrl({}, { ...context, href: "https://app.example/logged-out?provider=unreachable" }),
    { returnTo: "/" },
  ],
  ["on a server has no return path of its own", buildLoginUrl({}, { ...context, href: undefined }), {}],
  [
    "on a server keeps a given return path",
    buildLoginUrl({ returnTo: "/a?b" }, { ...context, href: undefined }),
    { returnTo: "/a?b" },
  ],
  [
    "of a step-up has the level and age that the problem demands",
    buildLoginUrl({}, { ...context, stepUp: "/bff/login?acr_values=2&max_age=900" }),
    { acr_values: "2", max_age: "900", returnTo: "/orders?id=7#x" },
  ],
];

test.each(logins)("a login %s", (_what, url, parameters) => {
  expect(url.split("?")[0]).toBe("/bff/login");
  expect(parametersOf(url)).toEqual(parameters);
});
