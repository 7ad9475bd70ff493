// Security headers of all responses, computed once for each application. Lists are flat (name, value, …), as for writeHead.
import type { ServerResponse } from "node:http";
import type { Context, Next } from "koa";
import type { Config } from "../config/config.ts";
import { contentSecurityPolicy, frameAncestors, frameOptions } from "./content-security-policy.ts";
import { CSP_REPORTS_PATH } from "./csp-report-parser.ts";
import { requestState } from "./request-state.ts";

export type HeaderList = readonly string[];

/** What applies to the whole host, and therefore to every response. */
export type HostPolicy = Pick<Config, "transportSecurity">;
type DocumentConfig = HostPolicy & Pick<Config, "publicOrigin" | "pagePolicy">;

/** For JSON and problems: no scripts, no loads, no framing, even if opened as a page. */
const JSON_CSP = "default-src 'none'; frame-ancestors 'none'; sandbox";

const CAMERA_AND_OTHERS = ["camera", "geolocation", "microphone", "payment", "usb"] as const;
/** Browser features that a page of this kind rarely needs, off unless the configuration names them. */
const DEFAULT_PERMISSIONS: Readonly<Record<string, string>> = Object.fromEntries(
  CAMERA_AND_OTHERS.map((feature) => [feature, "()"]),
);

/** Headers of all responses, documents or not. */
function commonHeaders({ transportSecurity }: HostPolicy): string[] {
  return [
    "X-Content-Type-Options",
    "nosniff",
    ...(transportSecurity === undefined ? [] : ["Strict-Transport-Security", transportSecurity]),
  ];
}

/** Of responses to what is not an HTTP request, which have no application: HSTS as all of them have it, otherwise none. */
export function commonHostPolicy([first, ...others]: readonly HostPolicy[]): HostPolicy {
  const isCommon = others.every(({ transportSecurity }) => transportSecurity === first?.transportSecurity);
  return { transportSecurity: isCommon ? first?.transportSecurity : undefined };
}

const OWN_RESOURCES = ["Cross-Origin-Resource-Policy", "same-origin", "X-Frame-Options", "DENY"];

/**
 * Headers that only affect documents. Other responses are sandboxed by their CSP; each additional header costs 0.5 µs per
 * API response.
 */
const OWN_PAGE_RULES: HeaderList = [
  // Not `no-referrer`: browsers would send `Origin: null` with same-origin form posts, and the logout form would fail CSRF.
  "Referrer-Policy",
  "same-origin",
  "Cross-Origin-Opener-Policy",
  "same-origin",
  // Requests a process that is not shared with other origins of the site.
  "Origin-Agent-Cluster",
  "?1",
  "Permissions-Policy",
  permissionsPolicy({}),
];

/** For responses that are not documents: API responses and problems. The caller adds Cache-Control. */
export function securityHeaderList(host: HostPolicy): HeaderList {
  return ["Content-Security-Policy", JSON_CSP, ...commonHeaders(host), ...OWN_RESOURCES];
}

/**
 * For the gateway's own pages: documents with inline style sheets, and at most forms that are sent to the gateway.
 * @param sources further directives of the policy
 */
export function pageHeaders(host: HostPolicy, sources: string, formAction: "'none'" | "'self'" = "'none'"): HeaderList {
  const policy = `default-src 'none'; ${sources}; base-uri 'none'; form-action ${formAction}; frame-ancestors 'none'`;
  return [...passingDocumentHeaders(host, policy), ...OWN_PAGE_RULES];
}

/**
 * For a document of the gateway that another page replaces at once. It has no Cross-Origin-Opener-Policy: whether the page keeps
 * its opener is the app's decision.
 */
export function passingDocumentHeaders(host: HostPolicy, policy: string): HeaderList {
  return ["Content-Security-Policy", policy, ...commonHeaders(host), ...OWN_RESOURCES];
}

/** For the app's pages and files: the policies of the configuration. */
export function documentHeaders(config: DocumentConfig): HeaderList {
  return [...policyHeaders(config), ...documentRules(config)];
}

/**
 * For pages that an upstream renders and sends without a policy of its own. Such apps have inline scripts and styles, so that
 * only what hardly any page needs is closed.
 */
export function renderedPageHeaders(config: DocumentConfig): HeaderList {
  const policy = `object-src 'none'; base-uri 'self'; ${frameAncestors(config.pagePolicy.additions)}`;
  return ["Content-Security-Policy", policy, ...documentRules(config)];
}

function documentRules(config: DocumentConfig): HeaderList {
  const { pagePolicy } = config;
  const framing = frameOptions(pagePolicy.additions);
  return [
    ...commonHeaders(config),
    ...["Cross-Origin-Resource-Policy", pagePolicy.resourcePolicy],
    ...(framing === undefined ? [] : ["X-Frame-Options", framing]),
    ...["Referrer-Policy", pagePolicy.referrerPolicy],
    ...["Cross-Origin-Opener-Policy", pagePolicy.openerPolicy],
    ...(pagePolicy.embedderPolicy === "unsafe-none" ? [] : ["Cross-Origin-Embedder-Policy", pagePolicy.embedderPolicy]),
    ...["Origin-Agent-Cluster", "?1"],
    ...["Permissions-Policy", permissionsPolicy(pagePolicy.permissions)],
  ];
}

/** Report-only blocks nothing; framing stays governed, which X-Frame-Options cannot do for a list of hosts. */
function policyHeaders({ publicOrigin, pagePolicy }: DocumentConfig): HeaderList {
  const { headers, directives } = reporting(publicOrigin, pagePolicy.reports);
  const policy = contentSecurityPolicy(pagePolicy) + directives;
  if (!pagePolicy.reportOnly) return ["Content-Security-Policy", policy, ...headers];
  return [
    ...["Content-Security-Policy", frameAncestors(pagePolicy.additions)],
    ...["Content-Security-Policy-Report-Only", policy],
    ...headers,
  ];
}

type Reporting = { headers: HeaderList; directives: string };

/**
 * `report-to` for browsers with the Reporting API, `report-uri` for the others. Chromium prefers `report-to`, sends such
 * reports up to a minute late, and has no endpoints on http origins: those get `report-uri` alone.
 */
function reporting(publicOrigin: string, reports: DocumentConfig["pagePolicy"]["reports"]): Reporting {
  if (reports === "off") return { headers: [], directives: "" };
  const url = reports === "gateway" ? CSP_REPORTS_PATH : reports.collector;
  const legacy = `; report-uri ${url}`;
  if (!publicOrigin.startsWith("https:")) return { headers: [], directives: legacy };
  return { headers: ["Reporting-Endpoints", `csp="${url}"`], directives: `${legacy}; report-to csp` };
}

function permissionsPolicy(permissions: DocumentConfig["pagePolicy"]["permissions"]): string {
  const all = Object.entries({ ...DEFAULT_PERMISSIONS, ...permissions });
  return all.map(([feature, allowed]) => `${feature}=${allowed}`).join(", ");
}

export function setHeaders(response: ServerResponse, list: HeaderList): void {
  for (let at = 0; at + 1 < list.length; at += 2) response.setHeader(list[at] ?? "", list[at + 1] ?? "");
}

/**
 * Sets the headers of responses that Koa sends. For upstreams the proxy and the error middleware write the whole head at once,
 * at a third of the cost of setting headers one by one.
 */
export function securityHeaders(config: DocumentConfig) {
  const jsonHeaders = securityHeaderList(config);
  const spaHeaders = documentHeaders(config);
  return function setSecurityHeaders(ctx: Context, next: Next): Promise<void> {
    const { kind } = requestState(ctx).route;
    if (kind !== "upstream") {
      setHeaders(ctx.res, kind === "bff" ? jsonHeaders : spaHeaders);
      ctx.res.setHeader("X-Request-Id", requestState(ctx).requestId);
      ctx.res.setHeader("Cache-Control", "no-store");
    }
    return next();
  };
}
