import { describe, expect, it } from "vitest";
import { returnPath } from "../../src/auth/return-path.ts";

const ORIGIN = "https://app.example";

/** Ways in which redirects of other gateways left their origin (CVE-2020-5233, -2020-4037, CVE-2022-23527, …). */
function hostileTargets(): string[] {
  const hosts = [
    "evil.example",
    "evil.example/%2f..",
    "app.example.evil.example",
    "evil.example:443",
    "[::1]",
    "0x7f000001",
  ];
  const starts = [
    "//",
    "///",
    "/\\",
    "\\/",
    "\\\\",
    "/\\/",
    "//\\",
    "/\t/",
    "/\n/",
    "/\r/",
    "\t//",
    " //",
    "/ /",
    "http://",
    "https://",
    "https:",
    "https:/",
    "HTTPS:\\\\",
    "javascript:alert(1)//",
    "data:text/html,",
    "/\u00a0/",
    "/\u2028/",
    "/\ufeff/",
    "\u0000//",
    "/\u0009\u0009/",
    "//app.example@",
    "https://app.example@",
    "https://app.example.",
    "//%5c",
    "/%09//",
    "ftp://",
    "blob:",
    "vbscript:",
    "//@",
    "/.//",
    "/x/..//",
  ];
  return starts.flatMap((start) => hosts.map((host) => start + host));
}

describe("the return path", () => {
  it.each([
    "/",
    "/profile",
    "/call?message=a%20b",
    "/a/b#part",
    "/?x=//evil.example",
    "/%5Cevil",
    "/a//b",
    "/api-keys",
    "/apis/1?x",
    "/bff-settings",
    "/API",
    "/BFF/x",
  ])("keeps %s", (path) => {
    expect(returnPath(path, ORIGIN)).toBe(path);
  });

  it("keeps the browser on our origin, whatever it is given", () => {
    const targets = hostileTargets();
    expect(targets.length).toBeGreaterThan(200);
    for (const target of targets) {
      const path = returnPath(target, ORIGIN);
      // Where a path is given back, a browser that follows it must stay: the oracle is the URL parser itself.
      if (path !== undefined) expect(new URL(ORIGIN + path).origin, target).toBe(ORIGIN);
      if (path !== undefined) expect(path.startsWith("//"), target).toBe(false);
    }
    expect(targets.filter((target) => returnPath(target, ORIGIN) !== undefined)).toEqual(
      targets.filter((target) => target.startsWith("/%09//")),
    );
  });

  it.each(["/bff/login", "/bff/logout", "/bff?x", "/api/protected", "/bff", "/x/../bff/login", "/%2e%2e/api/x"])(
    "does not lead to the gateway's own endpoint %s",
    (path) => {
      expect(returnPath(path, ORIGIN)).toBeUndefined();
    },
  );

  it("has a longest length", () => {
    expect(returnPath(`/${"a".repeat(1_023)}`, ORIGIN)).toBeDefined();
    expect(returnPath(`/${"a".repeat(1_024)}`, ORIGIN)).toBeUndefined();
  });
});
