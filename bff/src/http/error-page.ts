// The gateway's HTML pages: their common document, and the error page for navigations such as a failed login or logout.
import { createHash } from "node:crypto";
import { ERRORS, EXPLANATIONS, type ErrorCode, type Explanation } from "../errors.ts";

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1420;--soft:#574d5f;--paper:#f3f1f5;--card:#fff;--line:#d3ccd9;--ticket:#ff86a3}
@media(prefers-color-scheme:dark){:root{--ink:#f3f1f5;--soft:#b9b0c2;--paper:#120d16;--card:#1d1623;--line:#3a3143}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--paper);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}
main{width:100%;max-width:30rem;padding:2.25rem;background:var(--card);border:1px solid var(--line);border-top:6px solid var(--ticket);border-radius:4px}
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}
p{margin:0 0 1.5rem;color:var(--soft)}
nav{display:flex;flex-wrap:wrap;gap:.75rem}
a,button{padding:.6rem 1.1rem;border:2px solid var(--ink);border-radius:4px;background:none;color:var(--ink);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
a:first-child{background:var(--ticket);border-color:var(--ticket);color:#1b1420}
@media(forced-colors:active){a:first-child{forced-color-adjust:none;background:Highlight;border-color:Highlight;color:HighlightText}}
a:focus-visible,button:focus-visible{outline:3px solid var(--ink);outline-offset:3px}
footer{margin-top:1.75rem;font-size:.8125rem;color:var(--soft)}
strong{color:var(--ink);overflow-wrap:anywhere}
code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
`;

/** Hash of the inline style sheet for the page's Content-Security-Policy. */
export const PAGE_STYLE_HASH = `sha256-${createHash("sha256").update(STYLE).digest("base64")}`;

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Applied to every value in the page, trusted or not (XSS, CVE-2021-32702). */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? "");
}

export type ErrorPage = {
  code: ErrorCode;
  explanation?: Explanation | undefined;
  requestId: string;
  /** A validated same-origin path; absent: the login returns to the start page. */
  returnPath?: string | undefined;
  /** The validated request target, if the request can be repeated. */
  target?: string | undefined;
};

type Link = { href: string; text: string };

const HOME: Link = { href: "/", text: "Go to the start page" };

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
function linksOf({ code, explanation, returnPath, target }: ErrorPage): Link[] {
  if (explanation === "secure_cookie_not_stored" || explanation === "foreign_issuer") return [HOME];
  if (explanation === "duplicate_cookie")
    return target === undefined || target === "/" ? [HOME] : [{ href: target, text: "Open it again" }, HOME];
  if (NOT_CURED_BY_LOGIN.has(code)) return [HOME];
  const query = returnPath === undefined ? "" : `?returnTo=${encodeURIComponent(returnPath)}`;
  return [{ href: `/bff/login${query}`, text: isLoginNeeded(code) ? "Log in" : "Try again" }, HOME];
}

export function errorPage(page: ErrorPage): string {
  const { code, explanation, requestId } = page;
  const { title, sentence } =
    explanation === undefined
      ? ERRORS[code].page
      : { title: EXPLANATIONS[explanation].title, sentence: EXPLANATIONS[explanation].detail };
  const links = linksOf(page).map(({ href, text }) => `<a href="${escapeHtml(href)}">${text}</a>`);
  return htmlPage({
    title,
    main: `<p>${escapeHtml(sentence)}</p>
<nav>${links.join("")}</nav>
<footer>If you ask for help, mention <code>${escapeHtml(requestId)}</code>.</footer>`,
  });
}

/** @param page `title` is escaped; `head` and `main` are HTML, with every value in them escaped by the caller */
export function htmlPage({ title, head = "", main }: { title: string; head?: string; main: string }): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${head}<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${main}
</main>
</body>
</html>
`;
}
