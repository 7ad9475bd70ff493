// Settings of the policies of the app's pages: Content-Security-Policy, cross-origin isolation, permissions, HSTS. The
// gateway's own pages, its JSON responses and those of upstreams keep their strict policies whatever is set here.
import { z } from "zod";
import { isLoopbackUrl, isThisMachine } from "../lib/host.ts";
import { cspAdditionErrors, parseCspAdditions, unusedRisks, type CspAddition } from "./csp-additions.ts";
import { risksOf, CSP_RISK_NAMES, type CspRisk } from "./csp-risks.ts";
import { parseCspSource } from "./csp-sources.ts";
import { nearestName } from "./nearest-name.ts";
import { shown } from "./setting-text.ts";
import {
  permissionsPolicy,
  strictTransportSecurity,
  trustedTypes,
  type Permissions,
  type TrustedTypes,
} from "./page-policy-shapes.ts";
import { fileForms, type Setting } from "./setting-shapes.ts";

const cspAdditionsText = z.string().transform((value, ctx): readonly CspAddition[] => {
  const { additions, faults } = parseCspAdditions(value);
  for (const fault of faults) ctx.addIssue(fault.replace(/^: /, "has a fault: "));
  return additions.toSorted((a, b) => a.directive.localeCompare(b.directive, "en"));
});

const cspAdditions = cspAdditionsText.register(fileForms, { kind: "csp-directives" });

const cspAllowText = z.string().transform((value, ctx): readonly CspRisk[] => {
  const words = value.split(/[\s,]+/).filter((word) => word !== "");
  for (const word of words)
    if (!CSP_RISK_NAMES.includes(word as CspRisk))
      ctx.addIssue(
        `has the unknown word "${shown(word)}". Did you mean ${nearestName(word, CSP_RISK_NAMES).name}? Known: ${CSP_RISK_NAMES.join(", ")}`,
      );
  return words as CspRisk[];
});
const cspAllow = cspAllowText.register(fileForms, { kind: "list", separator: " " });

const collector = z
  .string()
  .refine(isCollector)
  .transform((value) => ({ collector: new URL(value).href }));

/** `;` and `,` would begin another directive or policy; credentials in the URL would be sent to every browser. */
function isCollector(value: string): boolean {
  if (!value.startsWith("https://") || /[;,\s"\\]/.test(value) || !URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username === "" && password === "";
}

const REFERRER_POLICIES = [
  ...(["same-origin", "strict-origin", "strict-origin-when-cross-origin"] as const),
  ...(["origin", "origin-when-cross-origin", "no-referrer-when-downgrade"] as const),
] as const;

const referrerPolicy = z.enum(REFERRER_POLICIES, {
  error: ({ input }) =>
    input === "no-referrer"
      ? "must not be no-referrer: browsers would send `Origin: null` with forms, and the logout form would be rejected. Use same-origin"
      : input === "unsafe-url"
        ? "must not be unsafe-url: paths and queries would go to every other host, over http too. Use strict-origin-when-cross-origin"
        : `must be ${REFERRER_POLICIES.join(", ")}`,
});

export const PAGE_POLICY_SETTINGS = {
  CSP_ADDITIONS: {
    path: "contentSecurityPolicy.additions",
    scope: "application",
    schema: cspAdditions,
    meaning:
      "Sources added to the Content-Security-Policy of the app's pages, by directive: `style-src 'unsafe-inline'; connect-src https://*.ingest.sentry.io`. Each source weakens the policy by exactly what it names",
  },
  CSP_ALLOW: {
    path: "contentSecurityPolicy.allow",
    scope: "application",
    schema: cspAllow,
    default: "",
    meaning: `Dangerous sources that CSP_ADDITIONS may contain, separated by blanks: ${CSP_RISK_NAMES.map((risk) => `\`${risk}\``).join(", ")}. Each makes an injection into the page worse; the error message says how`,
  },
  CSP_REPORT_ONLY: {
    path: "contentSecurityPolicy.reportOnly",
    scope: "application",
    schema: z.enum(["off", "on"], { error: "must be off or on" }),
    default: "off",
    meaning:
      "`on`: browsers report violations of the policy and block nothing, except framing. For the migration of an app only: injected scripts run",
  },
  CSP_REPORTS: {
    path: "contentSecurityPolicy.reports",
    scope: "application",
    schema: z.union([z.enum(["auto", "on", "off"]), collector], {
      error: "must be auto, on, off or the https URL of a collector without `;`, `,` and credentials",
    }),
    default: "auto",
    meaning:
      "Where browsers report violations. `on`: to `/bff/csp-reports`, which logs each kind of violation once; `auto`: as `on` in development (PUBLIC_ORIGIN is loopback, NODE_ENV is not `production`) and with CSP_REPORT_ONLY, otherwise `off`; an https URL: to that collector, which learns the URLs of the pages",
  },
  TRUSTED_TYPES: {
    path: "contentSecurityPolicy.trustedTypes",
    scope: "application",
    schema: trustedTypes,
    default: "required",
    meaning:
      "`required`: no text becomes markup or code (`innerHTML`, `eval`, URLs of workers and service workers) in Chromium; names, separated by blanks: the app may create Trusted Types policies of these names; `off`: no restriction; the app itself must prevent injection through `innerHTML`",
  },
  CROSS_ORIGIN_OPENER_POLICY: {
    path: "headers.crossOriginOpenerPolicy",
    scope: "application",
    schema: z.enum(["same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"], {
      error: "must be same-origin, same-origin-allow-popups, noopener-allow-popups or unsafe-none",
    }),
    default: "same-origin",
    meaning:
      "`same-origin-allow-popups`: the app keeps a reference to pop-ups of other sites, for payment or sign-in windows; `unsafe-none`: sites that open the app also keep a reference to it",
  },
  CROSS_ORIGIN_EMBEDDER_POLICY: {
    path: "headers.crossOriginEmbedderPolicy",
    scope: "application",
    schema: z.enum(["unsafe-none", "credentialless", "require-corp"], {
      error: "must be unsafe-none, credentialless or require-corp",
    }),
    default: "unsafe-none",
    meaning:
      "`require-corp` or `credentialless` with CROSS_ORIGIN_OPENER_POLICY=same-origin isolates the pages, which `SharedArrayBuffer` and WebAssembly threads need. Resources of other origins must then opt in (CORP or CORS)",
  },
  CROSS_ORIGIN_RESOURCE_POLICY: {
    path: "headers.crossOriginResourcePolicy",
    scope: "application",
    schema: z.enum(["same-origin", "same-site", "cross-origin"], {
      error: "must be same-origin, same-site or cross-origin",
    }),
    default: "same-origin",
    meaning:
      "Which sites may embed the app's files, e.g. its logo: `same-site` sibling hosts, `cross-origin` all. API responses stay `same-origin`",
  },
  PERMISSIONS_POLICY: {
    path: "headers.permissionsPolicy",
    scope: "application",
    schema: permissionsPolicy,
    meaning:
      'Browser features by name: `camera=(self), geolocation=(self "https://maps.example.com")`. Replaces the default of each named feature; by default camera, geolocation, microphone, payment and usb are `()`, which is off',
  },
  REFERRER_POLICY: {
    path: "headers.referrerPolicy",
    scope: "application",
    schema: referrerPolicy,
    default: "same-origin",
    meaning:
      "What other sites learn of the page that links to them: nothing (`same-origin`), its origin (`strict-origin`, `strict-origin-when-cross-origin`, `origin`, `origin-when-cross-origin`), or its whole URL (`no-referrer-when-downgrade`)",
  },
  STRICT_TRANSPORT_SECURITY: {
    path: "headers.strictTransportSecurity",
    scope: "application",
    schema: strictTransportSecurity,
    default: "max-age=63072000; includeSubDomains",
    meaning:
      "HSTS of all responses: browsers use https for this host for `max-age` seconds, with `includeSubDomains` also for its sub-domains. `off`: the first request of a visit may go over http, where it can be intercepted. Never sent for http and loopback origins",
  },
} as const satisfies Record<string, Setting>;

type PagePolicySettingName = keyof typeof PAGE_POLICY_SETTINGS;
type Values = { [N in PagePolicySettingName]?: z.output<(typeof PAGE_POLICY_SETTINGS)[N]["schema"]> };

export type PagePolicy = Readonly<{
  additions: readonly CspAddition[];
  /** CSP_ALLOW. */
  allowed: readonly CspRisk[];
  trustedTypes: TrustedTypes;
  reportOnly: boolean;
  /** `gateway`: /bff/csp-reports; else the URL of a collector. */
  reports: "off" | "gateway" | Readonly<{ collector: string }>;
  /** Whether the log of a violation contains the setting that allows it. */
  suggestsSettings: boolean;
  openerPolicy: string;
  embedderPolicy: string;
  resourcePolicy: string;
  permissions: Permissions;
  referrerPolicy: string;
}>;

type Surroundings = { publicOrigin: string; production: boolean };

/**
 * The files of an app that a CDN serves. Its requests still go to this origin only. Of a host that serves scripts of other
 * people, such as a storage service, only the folder of the page: CSP_ALLOW guards the whole host.
 */
const CDN_DIRECTIVES = ["script-src", "style-src", "img-src", "font-src", "media-src", "manifest-src"] as const;

function cdnAdditions(spaUrl: string | undefined): CspAddition[] {
  if (spaUrl === undefined) return [];
  const { origin, pathname } = new URL(spaUrl);
  const ofHost = parseCspSource(origin, "script-src");
  if ("fault" in ofHost) return [];
  const folder = parseCspSource(origin + pathname.slice(0, pathname.lastIndexOf("/") + 1), "script-src");
  const isShared = risksOf("script-src", ofHost.source).includes("shared-script-hosts");
  const found = isShared ? folder : ofHost;
  return "fault" in found ? [] : CDN_DIRECTIVES.map((directive) => ({ directive, sources: [found.source] }));
}

export function pagePolicy(
  values: Values & { SPA_URL?: string | undefined },
  { publicOrigin, production }: Surroundings,
): PagePolicy {
  const isDevelopment = !production && isLoopbackUrl(publicOrigin);
  const reportOnly = values.CSP_REPORT_ONLY === "on";
  const { CSP_REPORTS: reports = "auto" } = values;
  const whereAutomatic = isDevelopment || reportOnly ? "gateway" : "off";
  return {
    additions: [...(values.CSP_ADDITIONS ?? []), ...cdnAdditions(values.SPA_URL)],
    allowed: values.CSP_ALLOW ?? [],
    // `undefined` is the parsed value of `off`.
    trustedTypes: values.TRUSTED_TYPES,
    reportOnly,
    reports: reports === "auto" ? whereAutomatic : reports === "on" ? "gateway" : reports,
    suggestsSettings: isDevelopment,
    openerPolicy: values.CROSS_ORIGIN_OPENER_POLICY ?? "same-origin",
    embedderPolicy: values.CROSS_ORIGIN_EMBEDDER_POLICY ?? "unsafe-none",
    resourcePolicy: values.CROSS_ORIGIN_RESOURCE_POLICY ?? "same-origin",
    permissions: values.PERMISSIONS_POLICY ?? {},
    referrerPolicy: values.REFERRER_POLICY ?? "same-origin",
  };
}

/**
 * @returns the value of Strict-Transport-Security; undefined: not sent. Browsers ignore it over plain http. It applies to all
 * ports of a host: for a loopback host it would break other development servers on the machine for two years.
 */
export function transportSecurity(values: Values, publicOrigin: string): string | undefined {
  const { protocol, hostname } = new URL(publicOrigin);
  return protocol === "https:" && !isThisMachine(hostname) ? values.STRICT_TRANSPORT_SECURITY : undefined;
}

/** Rules that involve several settings. */
export function pagePolicyErrors(values: Values): string[] {
  const { CSP_ADDITIONS: additions = [], CSP_ALLOW: allowed = [] } = values;
  const faults = cspAdditionErrors(additions, allowed);
  if (values.CSP_REPORT_ONLY === "on" && values.CSP_REPORTS === "off")
    faults.push(
      "CSP_REPORT_ONLY=on needs reports, but CSP_REPORTS is off: nothing would be blocked and nothing reported. Unset CSP_REPORTS, or set it to on.",
    );
  return faults;
}

/** Sentences about valid settings that weaken the pages or have no effect, logged at startup. */
export function pagePolicyWarnings(values: Values): string[] {
  const { CSP_ADDITIONS: additions = [], CSP_ALLOW: allowed = [] } = values;
  const unused = unusedRisks(additions, allowed);
  return [
    ...unused.map((risk) => `CSP_ALLOW contains ${risk}, which no source of CSP_ADDITIONS needs. Remove it`),
    ...(values.CSP_REPORT_ONLY === "on"
      ? ["CSP_REPORT_ONLY=on: the Content-Security-Policy blocks nothing. Set it to off once no violation is reported"]
      : []),
  ];
}
