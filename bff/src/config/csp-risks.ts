// The risks of Content-Security-Policy sources: CSP_ALLOW must name each one. A source is a risk if it lets injected
// markup run code or send forms, or other sites frame the app, without a further vulnerability of the app.
import { URLS as ANGULAR_URLS } from "csp_evaluator/dist/allowlist_bypasses/angular.js";
import { URLS as JSONP_URLS } from "csp_evaluator/dist/allowlist_bypasses/jsonp.js";
import { isThisMachine } from "../lib/host.ts";
import { INLINE_SCRIPT, SCRIPT_LIKE, type CspDirective } from "./csp-directives.ts";
import type { CspSource } from "./csp-sources.ts";

/** The names that CSP_ALLOW accepts, each with what an injected element can do once the risk is allowed. */
export const CSP_RISKS = {
  "unsafe-eval": "text that reaches eval() or new Function() runs as code. WebAssembly needs 'wasm-unsafe-eval' only",
  "unsafe-inline-scripts": "every injected script element and event handler runs. A hash allows one inline script",
  "unsafe-hashes": "injected event handlers may use every allowed script text",
  "fixed-nonce-scripts": "a nonce that does not change for each response is known to every reader of the page",
  "strict-dynamic": "allowed scripts may load any other, and 'self' and hosts are ignored: without hashes nothing runs",
  "wildcard-scripts": "scripts of any host that matches run in the app. Name each host",
  "data-scripts": "injected markup can carry its script in the URL itself. Workers need worker-src blob: only",
  "shared-script-hosts":
    "the host serves scripts of other people, or JSONP, and so any script an attacker wants. Name the file, or copy it into the app",
  "wildcard-frame-ancestors": "any site can frame the app and steal clicks. Name each host",
  "wildcard-form-action": "an injected form can send what the user types to any host. Name each host",
  "wildcard-base-uri": "an injected base element can redirect every relative URL of the page. Name each host",
  "wildcard-connections": "an injected script could send data to any host. Name each host",
  "plain-http": "everyone on the network can read and replace what comes over http. Use https",
} as const;

export type CspRisk = keyof typeof CSP_RISKS;
export const CSP_RISK_NAMES = Object.keys(CSP_RISKS) as CspRisk[];

const WILDCARD_RISKS: Partial<Record<CspDirective, CspRisk>> = {
  "frame-ancestors": "wildcard-frame-ancestors",
  "form-action": "wildcard-form-action",
  "base-uri": "wildcard-base-uri",
  "connect-src": "wildcard-connections",
};

const KEYWORD_RISKS: Readonly<Record<string, CspRisk>> = {
  "'unsafe-inline'": "unsafe-inline-scripts",
  "'unsafe-hashes'": "unsafe-hashes",
  "'unsafe-eval'": "unsafe-eval",
  "'trusted-types-eval'": "unsafe-eval",
  "'strict-dynamic'": "strict-dynamic",
};

/** Schemes whose URLs carry their own content. */
const INLINE_SCHEMES: ReadonlySet<string> = new Set(["data", "blob", "filesystem", "javascript", "about"]);
const PLAIN_SCHEMES: ReadonlySet<string> = new Set(["http", "ws"]);

/** @returns the risks of a source, which CSP_ALLOW must name */
export function risksOf(directive: CspDirective, source: CspSource): CspRisk[] {
  const risks: (CspRisk | undefined)[] = [];
  if (source.kind === "keyword") risks.push(INLINE_SCRIPT.has(directive) ? KEYWORD_RISKS[source.text] : undefined);
  else if (source.kind === "nonce") risks.push(INLINE_SCRIPT.has(directive) ? "fixed-nonce-scripts" : undefined);
  else if (source.kind !== "hash") {
    risks.push(SCRIPT_LIKE.has(directive) ? scriptRisk(directive, source) : wildcardRisk(directive, source));
    if (isPlain(source)) risks.push("plain-http");
  }
  return risks.filter((risk) => risk !== undefined);
}

type UrlSource = Extract<CspSource, { kind: "scheme" | "host" }>;

function scriptRisk(directive: CspDirective, source: UrlSource): CspRisk | undefined {
  if (source.kind === "scheme") {
    // Only a script that runs already can make a blob: URL of this origin.
    if (directive === "worker-src" && source.scheme === "blob") return undefined;
    return INLINE_SCHEMES.has(source.scheme) ? "data-scripts" : "wildcard-scripts";
  }
  if (source.host.startsWith("*") || source.port === "*")
    return isThisMachine(source.host) ? undefined : "wildcard-scripts";
  return isSharedHost(source) ? "shared-script-hosts" : undefined;
}

function wildcardRisk(directive: CspDirective, source: UrlSource): CspRisk | undefined {
  const risk = WILDCARD_RISKS[directive];
  if (risk === undefined) return undefined;
  // `*.com` is no narrower than `*`.
  const isWildcard = source.kind === "scheme" || source.host === "*" || /^\*\.[^.]+\.?$/.test(source.host);
  return isWildcard && !(source.kind === "host" && isThisMachine(source.host)) ? risk : undefined;
}

function isPlain(source: UrlSource): boolean {
  if (source.scheme === undefined || !PLAIN_SCHEMES.has(source.scheme)) return false;
  return source.kind === "scheme" || !isThisMachine(source.host);
}

/** Hosts where anyone can publish a script, beside those that the CSP Evaluator knows by a JSONP or AngularJS endpoint. */
const PUBLISHING_HOSTS = [
  ...["unpkg.com", "cdn.jsdelivr.net", "esm.sh", "cdn.skypack.dev", "ga.jspm.io", "esm.run", "cdnjs.cloudflare.com"],
  ...[
    "raw.githubusercontent.com",
    "gist.githubusercontent.com",
    "rawcdn.githack.com",
    "raw.githack.com",
    "cdn.rawgit.com",
  ],
  ...["storage.googleapis.com", "s3.amazonaws.com", "firebasestorage.googleapis.com", "ajax.googleapis.com"],
  ...["codepen.io", "cdn.statically.io", "gitcdn.xyz", "pastebin.com", "data.jsdelivr.com", "fastly.jsdelivr.net"],
];

const ENDPOINTS = [...JSONP_URLS, ...ANGULAR_URLS].map((url) => new URL(`https:${url}`));
const ENDPOINT_URLS: ReadonlySet<string> = new Set(ENDPOINTS.map(({ host, pathname }) => host + pathname));
const SHARED_HOSTS: ReadonlySet<string> = new Set([...PUBLISHING_HOSTS, ...ENDPOINTS.map(({ hostname }) => hostname)]);

/** A path that names one file is narrow enough, unless that file is such an endpoint. */
function isSharedHost({ host, path }: Extract<CspSource, { kind: "host" }>): boolean {
  if (!SHARED_HOSTS.has(host.replace(/\.$/, ""))) return false;
  return path === "" || path.endsWith("/") || ENDPOINT_URLS.has(host + path);
}
