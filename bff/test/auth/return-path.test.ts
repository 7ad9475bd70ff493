import { describe, expect, it } from "vitest";
import { createRouteTable } from "../../src/http/route-table.ts";
import { MAX_RETURN_PATH_CHARS, returnPath } from "../../src/auth/return-path.ts";

const ORIGIN = "https://app.example";
const TARGETS = { publicOrigin: ORIGIN, isPage: createRouteTable([]).isPage };

/** Open redirects of other gateways (CVE-2020-5233, CVE-2020-4037, CVE-2022-23527, …). */
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

describe("return path", () => {
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
  ])("a return path %s is kept", (path) => {
    expect(returnPath(path, TARGETS)).toBe(path);
  });

  it("an accepted path never leaves the origin", () => {
    const targets = hostileTargets();
    expect(targets.length).toBeGreaterThan(200);
    for (const target of targets) {
      const path = returnPath(target, TARGETS);
      // The URL parser of Node decides where a browser would go.
      if (path !== undefined) expect(new URL(ORIGIN + path).origin, target).toBe(ORIGIN);
      if (path !== undefined) expect(path.startsWith("//"), target).toBe(false);
    }
    expect(targets.filter((target) => returnPath(target, TARGETS) !== undefined)).toEqual(
      targets.filter((target) => target.startsWith("/%09//")),
    );
  });

  it.each(["/bff/login", "/bff/logout", "/bff?x", "/api/protected", "/bff", "/x/../bff/login", "/%2e%2e/api/x"])(
    "a return path does not lead to the gateway's own endpoint %s",
    (path) => {
      expect(returnPath(path, TARGETS)).toBeUndefined();
    },
  );

  it("a valid path above the maximum length leads to the start page", () => {
    const longest = `/${"a".repeat(MAX_RETURN_PATH_CHARS - 1)}`;
    expect(returnPath(longest, TARGETS)).toBe(longest);
    expect(returnPath(`${longest}a`, TARGETS)).toBe("/");
    // Percent-encoding makes it longer.
    expect(returnPath(`/?q=${"ä".repeat(600)}`, TARGETS)).toBe("/");
    expect(returnPath(`//evil.example/${"a".repeat(4_000)}`, TARGETS)).toBeUndefined();
  });
});
