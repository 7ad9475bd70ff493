// Outbound proxy for requests to the provider: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as curl reads them.
import { parseHost } from "../lib/host.ts";
import { fileForms, type Setting } from "./setting-shapes.ts";
import { z } from "zod";

/** Without a scheme the proxy is reached by http, as in curl. */
const proxyUrl = z.string().transform((value, ctx) => {
  const url = value.includes("://") ? value : `http://${value}`;
  const isUsable = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && new URL(url).hostname !== "";
  // The message must not quote the value: it may contain a password.
  if (!isUsable) ctx.addIssue("must be the http:// or https:// URL of a proxy that supports CONNECT");
  return url;
});

export const PROXY_SETTINGS = {
  HTTPS_PROXY: {
    path: "outboundProxy.https",
    scope: "server",
    schema: proxyUrl,
    secret: true,
    meaning:
      "Proxy for https requests to the provider (CONNECT), with user and password if it requires them. Also `https_proxy`, which takes precedence. Not used for upstreams and Redis",
  },
  HTTP_PROXY: {
    path: "outboundProxy.http",
    scope: "server",
    schema: proxyUrl,
    secret: true,
    meaning: "Proxy for http requests to the provider (CONNECT). Also `http_proxy`",
  },
  NO_PROXY: {
    path: "outboundProxy.bypass",
    scope: "server",
    schema: z.string().register(fileForms, { kind: "list", separator: "," }),
    meaning:
      "Hosts of the provider that are reached without the proxy, separated by commas or spaces: `example.com` (with its subdomains), `.example.com`, `*.example.com`, `10.0.0.7`, `[::1]`, each optionally with `:port`; `*` for all. Also `no_proxy`",
  },
} as const satisfies Record<string, Setting>;

/** Read in lower case too. */
export const isProxySetting = (name: string): boolean => Object.hasOwn(PROXY_SETTINGS, name.toUpperCase());

export type ProxyConfig = Readonly<{ https: string | undefined; http: string | undefined; bypass: readonly Bypass[] }>;

/** One entry of NO_PROXY. */
type Bypass = Readonly<{ host: string; port: number | undefined; subdomains: "none" | "also" | "only" }>;

type Values = { HTTPS_PROXY?: string | undefined; HTTP_PROXY?: string | undefined; NO_PROXY?: string | undefined };

export function proxyConfig(values: Values): ProxyConfig {
  const entries = (values.NO_PROXY ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  return { https: values.HTTPS_PROXY, http: values.HTTP_PROXY, bypass: entries.map(parseBypass) };
}

function parseBypass(entry: string): Bypass {
  if (entry === "*") return { host: "", port: undefined, subdomains: "also" };
  const [, prefix = "", rest = ""] = /^(\*?\.)?(.*)$/.exec(entry) ?? [];
  // A bare IPv6 address has no port.
  const bracketed = rest.split(":").length > 2 && !rest.startsWith("[") ? `[${rest}]` : rest;
  const parsed = parseHost(bracketed, 0);
  const host = (parsed?.name ?? bracketed.toLowerCase()).replace(/\.$/, "");
  const port = parsed === undefined || parsed.port === 0 ? undefined : parsed.port;
  if (/^\[|^\d+(\.\d+){3}$/.test(host)) return { host, port, subdomains: "none" };
  return { host, port, subdomains: prefix === "*." ? "only" : "also" };
}

/** @returns the proxy for requests to this URL, undefined if the gateway connects itself */
export function proxyFor(url: URL, { https, http, bypass }: ProxyConfig): string | undefined {
  const proxy = url.protocol === "https:" ? https : http;
  if (proxy === undefined) return undefined;
  const host = url.hostname.replace(/\.$/, "");
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return bypass.some((entry) => isBypassed(entry, host, port)) ? undefined : proxy;
}

function isBypassed(entry: Bypass, host: string, port: number): boolean {
  if (entry.port !== undefined && entry.port !== port) return false;
  if (entry.host === "") return true;
  if (host === entry.host) return entry.subdomains !== "only";
  return entry.subdomains !== "none" && host.endsWith(`.${entry.host}`);
}
