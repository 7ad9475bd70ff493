// The error page for navigations such as a failed login or logout: which links it offers. Texts: config/pages/.
import type { PageTextKey } from "../config/pages/page-texts.ts";
import { ERRORS, type ErrorCode, type Explanation } from "../errors.ts";

export type ErrorPage = {
  code: ErrorCode;
  explanation?: Explanation | undefined;
  requestId: string;
  /** A validated same-origin path; absent: the login returns to the start page. */
  returnPath?: string | undefined;
  /** The validated request target, if the request can be repeated. */
  target?: string | undefined;
  /** An upstream renders the page. */
  isRendered?: boolean | undefined;
};

type Link = { href: string; text: PageTextKey };

const HOME: Link = { href: "/", text: "home" };

/** Errors for which "Try again", a new login, does not help. */
const NOT_CURED_BY_LOGIN: ReadonlySet<ErrorCode> = new Set([
  "csrf_rejected",
  "not_found",
  "method_not_allowed",
  "payload_too_large",
  "http_version_not_supported",
]);

const isLoginNeeded = (code: ErrorCode): boolean => code.startsWith("session_");

/** Links to a next step; none leads to the same error again. */
export function linksOf({ code, explanation, returnPath, target, isRendered }: ErrorPage): Link[] {
  if (explanation === "secure_cookie_not_stored" || explanation === "foreign_issuer") return [HOME];
  if (explanation === "duplicate_cookie")
    return target === undefined || target === "/" ? [HOME] : [{ href: target, text: "openAgain" }, HOME];
  if (NOT_CURED_BY_LOGIN.has(code)) return [HOME];
  // A login would not change it.
  if (code.startsWith("upstream_") || (isRendered === true && ERRORS[code].status >= 429))
    return target === undefined || target === "/"
      ? [{ href: "/", text: "tryAgain" }]
      : [{ href: target, text: "tryAgain" }, HOME];
  const query = returnPath === undefined ? "" : `?returnTo=${encodeURIComponent(returnPath)}`;
  return [{ href: `/bff/login${query}`, text: isLoginNeeded(code) ? "login" : "tryAgain" }, HOME];
}
