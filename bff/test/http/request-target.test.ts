import { describe, expect, test } from "vitest";
import { createRouteTable } from "../../src/http/route-table.ts";
import { inspectTarget } from "../../src/http/request-target.ts";

const RULES = { isStrict: createRouteTable([]).isStrict, allowsEscapedSlashes: () => false };

describe("accepted targets", () => {
  test.each([
    "/",
    "/api",
    "/api/",
    "/api?x",
    "/api/items/1?next=/../x&u=http://other.test//y#".slice(0, -1),
    "/api/a%20b",
    "/api/C%23",
    "/api/50%25",
    "/api/50%25%20off",
    "/api/%E2%82%AC",
    "/api/%F0%9F%A7%A5",
    "/api/.well-known/x",
    "/api/..a/b..",
    "/api/...",
    "/api/a:b@c,d=e+f!$&'()*",
    "/api/x?q=a\\b;c|d",
    "/app//page/../x",
    "/bff/user",
  ])("the request target is accepted: %s", (target) => {
    expect(inspectTarget(target, RULES)).toBe("ok");
  });
});

describe("rejected targets", () => {
  test.each([
    ["http://evil.test/api/me", "target is not origin-form"],
    ["HTTP://evil.test/api/me", "target is not origin-form"],
    ["*", "target is not origin-form"],
    ["", "target is not origin-form"],
    ["evil.test:443", "target is not origin-form"],
    ["//evil.test/api", "target starts like another host"],
    ["/\\evil.test/api", "target starts like another host"],
    ["/api/x#frag", "fragment in target"],
    ["/x?y#frag", "fragment in target"],
    ["/api/a b", "control or non-ASCII character in target"],
    ["/api/a\tb", "control or non-ASCII character in target"],
    ["/api/a\r\nHost: evil", "control or non-ASCII character in target"],
    ["/api/a\u0000", "control or non-ASCII character in target"],
    ["/api/\u010d\u010a", "control or non-ASCII character in target"],
    ["/x?\u007f", "control or non-ASCII character in target"],
    ["/x\\y", "backslash in path"],
    ["/api\\..\\admin", "backslash in path"],
    ["/api//admin", "empty path segment"],
    ["/api/x//", "empty path segment"],
    ["/api/..", "dot segment in path"],
    ["/api/../admin", "dot segment in path"],
    ["/api/./x", "dot segment in path"],
    ["/api/x/.", "dot segment in path"],
    ["/api/x/..?q", "dot segment in path"],
    ["/bff/../api/x", "dot segment in path"],
    ["/api/%2e%2e/admin", "escaped unreserved character in path"],
    ["/api/%2E%2E/admin", "escaped unreserved character in path"],
    ["/api/.%2e/admin", "escaped unreserved character in path"],
    ["/api/%252e%252e/admin", "escaped unreserved character in path"],
    ["/api/%25252e./admin", "escaped unreserved character in path"],
    ["/api/%61dmin", "escaped unreserved character in path"],
    ["/api/%2561dmin", "escaped unreserved character in path"],
    ["/api/..%2fadmin", "escaped slash or backslash in path"],
    ["/api/..%2Fadmin", "escaped slash or backslash in path"],
    ["/api/..%5cadmin", "escaped slash or backslash in path"],
    ["/api/..%252fadmin", "escaped slash or backslash in path"],
    ["/api/..%25252fadmin", "escaped slash or backslash in path"],
    ["/api/%00", "escaped control character in path"],
    ["/api/x%00.html", "escaped control character in path"],
    ["/api/%0d%0aHost:%20evil", "escaped control character in path"],
    ["/api/%2500", "escaped control character in path"],
    ["/api/%7f", "escaped control character in path"],
    ["/api/..;/admin", "path parameter"],
    ["/api/..;x=1/admin", "path parameter"],
    ["/api/admin;x/users", "path parameter"],
    ["/api/..%3b/admin", "path parameter"],
    ["/api/..%253b/admin", "path parameter"],
    ["/api/me;.js", "path parameter"],
    ["/api/%", "malformed escape in path"],
    ["/api/%2", "malformed escape in path"],
    ["/api/%zz", "malformed escape in path"],
    ["/api/%u002e%u002e/", "malformed escape in path"],
    ["/api/%2?e", "malformed escape in path"],
    ["/api/%c0%ae%c0%ae/admin", "path is not UTF-8"],
    ["/api/%c0%af", "path is not UTF-8"],
    ["/api/%25c0%25ae/admin", "path is not UTF-8"],
    ["/api/%e0%80%ae/admin", "path is not UTF-8"],
    ["/api/%f0%80%80%af", "path is not UTF-8"],
    ["/api/%ff", "path is not UTF-8"],
    ["/api/%80", "path is not UTF-8"],
    ["/api/%ef%bc%8e%ef%bc%8e/admin", "dot segment in path"],
    ["/api/%e2%80%a5/admin", "dot segment in path"],
    ["/api/..%ef%bc%8fadmin", "escaped slash or backslash in path"],
    ["/api/..%ef%bc%bcadmin", "escaped slash or backslash in path"],
    ["/API/../admin", "dot segment in path"],
    [`/${"a".repeat(8_192)}`, "target too long"],
  ])("the request target is rejected: %j", (target, fault) => {
    expect(inspectTarget(target, RULES)).toBe(fault);
  });
});

test("hostile targets of maximum length are checked in linear time", () => {
  const hostile = [
    "%25".repeat(2_700),
    "%2525".repeat(1_600),
    "/a".repeat(4_000),
    "%c3%a9".repeat(1_300),
    ".".repeat(8_000),
  ];
  const startedAt = performance.now();
  for (let round = 0; round < 20; round++) for (const tail of hostile) inspectTarget(`/api/${tail}`, RULES);
  expect((performance.now() - startedAt) / 100).toBeLessThan(20);
});

describe("escaped slashes on a row that accepts them", () => {
  const rules = { ...RULES, allowsEscapedSlashes: () => true };
  test.each([
    ["/api/projects/a%2Fb", "ok"],
    ["/api/projects/a%2fb%2Fc/files", "ok"],
    ["/api/a%2f..%2fadmin", "dot segment in path"],
    ["/api/a%2f%2e%2e%2fadmin", "escaped unreserved character in path"],
    ["/api/a%2f.", "dot segment in path"],
    ["/api/a%2f%2fb", "empty path segment"],
    ["/api/a/%2fb", "empty path segment"],
    ["/api/a%252fb", "escaped slash or backslash in path"],
    ["/api/a%5cb", "escaped slash or backslash in path"],
    ["/api/a%2f;x", "path parameter"],
  ])("%s: %s", (target, verdict) => {
    expect(inspectTarget(target, rules)).toBe(verdict);
  });
});
