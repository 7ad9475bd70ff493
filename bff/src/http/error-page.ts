// Errors as a page: for people whose browser was navigating when a login or logout went wrong.
import { createHash } from "node:crypto";
import { EXPLANATIONS, type ErrorCode, type Explanation } from "../errors.ts";

type Words = { title: string; sentence: string };

const NOT_LOGGED_IN: Words = { title: "You are not logged in", sentence: "Please log in to go on." };
const WAIT: Words = {
  title: "We cannot log you in right now",
  sentence: "A service that this needs does not respond. This does not log you out. Please try again in a moment.",
};
const REFUSED: Words = { title: "This did not work", sentence: "The address or the request behind it is not valid." };

const WORDS: Readonly<Record<ErrorCode, Words>> = {
  session_missing: NOT_LOGGED_IN,
  session_expired: { title: "Your session has expired", sentence: "You were away for a while. Please log in again." },
  session_revoked: { title: "Your session was ended", sentence: "You were logged out here. Please log in again." },
  csrf_rejected: {
    title: "We stopped this request",
    sentence: "It did not come from this application. If you followed a link, open the application itself instead.",
  },
  forbidden: { title: "You cannot open this", sentence: "Your account does not have the permission that this needs." },
  step_up_required: { title: "Please confirm it is you", sentence: "This needs a stronger login." },
  step_up_failed: {
    title: "You were not confirmed",
    sentence:
      "The login service let you in without the second step that this needs. Nothing has changed: you are logged in as before.",
  },
  login_failed: {
    title: "The login was not completed",
    sentence: "It may have taken too long, or was started in another window. You can simply try again.",
  },
  store_unavailable: WAIT,
  provider_unavailable: WAIT,
  upstream_unreachable: WAIT,
  upstream_unavailable: WAIT,
  overloaded: WAIT,
  upstream_timeout: WAIT,
  too_many_requests: WAIT,
  too_many_connections: { title: "Too much is open", sentence: "Close some tabs of this application and try again." },
  payload_too_large: REFUSED,
  request_malformed: REFUSED,
  not_found: { title: "There is nothing here", sentence: "The address may be old or mistyped." },
  method_not_allowed: REFUSED,
  http_version_not_supported: {
    title: "The way to this application is set up wrongly",
    sentence: "The proxy in front of it must forward with HTTP/1.1 (nginx: proxy_http_version 1.1;).",
  },
  internal: { title: "Something went wrong", sentence: "It is our fault, not yours. Please try again in a moment." },
};

function wordsOf(explanation: Explanation): Words {
  const { title, detail } = EXPLANATIONS[explanation];
  return { title, sentence: detail };
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1420;--soft:#574d5f;--paper:#f3f1f5;--card:#fff;--line:#d3ccd9;--ticket:#ff86a3}
@media(prefers-color-scheme:dark){:root{--ink:#f3f1f5;--soft:#b9b0c2;--paper:#120d16;--card:#1d1623;--line:#3a3143}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--paper);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}
main{width:100%;max-width:30rem;padding:2.25rem;background:var(--card);border:1px solid var(--line);border-top:6px solid var(--ticket);border-radius:4px}
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}
p{margin:0 0 1.5rem;color:var(--soft)}
nav{display:flex;flex-wrap:wrap;gap:.75rem}
a{padding:.6rem 1.1rem;border:2px solid var(--ink);border-radius:4px;color:var(--ink);font-weight:600;text-decoration:none}
a:first-child{background:var(--ticket);border-color:var(--ticket);color:#1b1420}
@media(forced-colors:active){a:first-child{forced-color-adjust:none;background:Highlight;border-color:Highlight;color:HighlightText}}
a:focus-visible{outline:3px solid var(--ink);outline-offset:3px}
footer{margin-top:1.75rem;font-size:.8125rem;color:var(--soft)}
code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
`;

/** For the page's Content-Security-Policy: this style sheet and nothing else. */
export const PAGE_STYLE_HASH = `sha256-${createHash("sha256").update(STYLE).digest("base64")}`;

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Everything that enters the page goes through here, ours or not (CVE-2021-32702). */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? "");
}

export type ErrorPage = {
  code: ErrorCode;
  explanation?: Explanation | undefined;
  requestId: string;
  /** A validated path of our own origin; absent: the login leads home. */
  returnPath?: string | undefined;
  /** The validated request target, where the same request may be sent again. */
  target?: string | undefined;
};

type Link = { href: string; text: string };

const HOME: Link = { href: "/", text: "Go to the start page" };

/** "Try again" leads to a login, which changes nothing about these. */
const NOT_CURED_BY_LOGIN: ReadonlySet<ErrorCode> = new Set([
  "csrf_rejected",
  "not_found",
  "method_not_allowed",
  "payload_too_large",
  "http_version_not_supported",
]);

const isLoginNeeded = (code: ErrorCode): boolean => code.startsWith("session_");

/** What to try next: never a link that leads to the same error again. */
function linksOf({ code, explanation, returnPath, target }: ErrorPage): Link[] {
  if (explanation === "secure_cookie_not_stored") return [HOME];
  if (explanation === "duplicate_cookie")
    return target === undefined || target === "/" ? [HOME] : [{ href: target, text: "Open it again" }, HOME];
  if (NOT_CURED_BY_LOGIN.has(code)) return [HOME];
  const query = returnPath === undefined ? "" : `?returnTo=${encodeURIComponent(returnPath)}`;
  return [{ href: `/bff/login${query}`, text: isLoginNeeded(code) ? "Log in" : "Try again" }, HOME];
}

export function errorPage(page: ErrorPage): string {
  const { code, explanation, requestId } = page;
  const { title, sentence } = explanation === undefined ? WORDS[code] : wordsOf(explanation);
  const links = linksOf(page).map(({ href, text }) => `<a href="${escapeHtml(href)}">${text}</a>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(sentence)}</p>
<nav>${links.join("")}</nav>
<footer>If you ask for help, mention <code>${escapeHtml(requestId)}</code>.</footer>
</main>
</body>
</html>
`;
}
