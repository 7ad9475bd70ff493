// The refresh page: repeats a navigation from our own origin, so that the browser sends the SameSite=Strict session cookie
// that it withholds from navigations of other sites.
import { createHash } from "node:crypto";
import { escapeHtml } from "./escape-html.ts";
import { passingDocumentHeaders, type HeaderList, type HostPolicy } from "./security-headers.ts";

/**
 * Measured in three engines (decision 0050): `location.reload()` keeps the initiator in Firefox, and a navigation to the same
 * URL with a fragment loads nothing. So the entry of the history gets another URL first: one that is a page, because the user may
 * reload it while the page behind it is slow.
 */
const SCRIPT = 'const u=location.href;history.replaceState(null,"","/?opening");location.replace(u)';

/** Visible only if the page behind it takes longer than a second. */
const STYLE =
  ":root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;font:1rem/1.6 system-ui,sans-serif;opacity:0;animation:show 0s 1s forwards}@keyframes show{to{opacity:1}}";

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const POLICY = `default-src 'none'; script-src ${hashOf(SCRIPT)}; style-src ${hashOf(STYLE)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Without a referrer: the address is that of the page itself. */
export function refreshPageHeaders(host: HostPolicy): HeaderList {
  return [...passingDocumentHeaders(host, POLICY), "Referrer-Policy", "no-referrer", "X-Robots-Tag", "noindex"];
}

type Words = { lang: string; dir: string; title: string; sentence: string; link: string };

/**
 * Without scripts the fragment is lost.
 * @param target path and query of the request
 */
export function refreshPage(target: string, words: Words): string {
  const url = escapeHtml(target);
  const { title, sentence, link, ...language } = words;
  return `<!doctype html>
<html lang="${language.lang}" dir="${language.dir}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<script>${SCRIPT}</script>
<noscript><meta http-equiv="refresh" content="0;url=${url}"></noscript>
<style>${STYLE}</style>
</head>
<body>
<p>${escapeHtml(sentence)} <a href="${url}">${escapeHtml(link)}</a></p>
</body>
</html>
`;
}
