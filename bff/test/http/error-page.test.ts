import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import { readErrorPages } from "../../src/config/pages/error-pages.ts";
import { createPages } from "../../src/http/pages.ts";

const pages = createPages({ errorPages: readErrorPages(undefined).errorPages, log: { error() {} } });
const errorPage = (code: ErrorCode) =>
  pages.error({ acceptLanguage: undefined }, { code, requestId: "r-1", returnPath: "/profile", status: 400 }).html;

const linksOf = (code: ErrorCode) =>
  [...errorPage(code).matchAll(/<a href="([^"]*)">([^<]*)<\/a>/g)].map(([, href, text]) => `${text}: ${href}`);

describe("links of an error page", () => {
  const LOGIN = "/bff/login?returnTo=%2Fprofile";
  const HOME = "Go to the start page: /";
  test.each<[ErrorCode, string[]]>([
    ["session_missing", [`Log in: ${LOGIN}`, HOME]],
    ["session_expired", [`Log in: ${LOGIN}`, HOME]],
    ["session_revoked", [`Log in: ${LOGIN}`, HOME]],
    ["login_failed", [`Try again: ${LOGIN}`, HOME]],
    ["provider_unavailable", [`Try again: ${LOGIN}`, HOME]],
    ["request_malformed", [`Try again: ${LOGIN}`, HOME]],
    ["csrf_rejected", [HOME]],
    // Another account may have the permission.
    ["forbidden", [`Try again: ${LOGIN}`, HOME]],
    ["not_found", [HOME]],
    ["method_not_allowed", [HOME]],
    ["payload_too_large", [HOME]],
    ["http_version_not_supported", [HOME]],
  ])("links of an error page: %s", (code, links) => {
    expect(linksOf(code)).toEqual(links);
  });
});
