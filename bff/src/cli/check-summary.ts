// Summary of `cloakroom check`: the protections of each application and of each of its rows. Contains no values of headers.
import type { Config, UpstreamConfig } from "../config/config.ts";
import { UPSTREAM_ROW } from "../config/upstream-row.ts";

export type Summary = ReturnType<typeof summary>;
type RowSummary = Summary["rows"][number];

export function summary(config: Config) {
  const { application, publicOrigin, provider, spaRoot, spaUrl, upstreams } = config;
  return {
    id: application.id,
    idIsDerived: application.isDerived,
    origin: publicOrigin,
    issuer: provider.issuer,
    clientId: provider.clientId,
    pages: spaRoot ?? spaUrl ?? null,
    contentSecurityPolicy: contentSecurityPolicy(config),
    headers: {
      strictTransportSecurity: config.transportSecurity ?? null,
      crossOriginOpenerPolicy: config.pagePolicy.openerPolicy,
      crossOriginEmbedderPolicy: config.pagePolicy.embedderPolicy,
      crossOriginResourcePolicy: config.pagePolicy.resourcePolicy,
      referrerPolicy: config.pagePolicy.referrerPolicy,
      permissionsPolicy: config.pagePolicy.permissions,
    },
    weakened: weakened(config),
    rows: upstreams.map(rowSummary),
  };
}

function contentSecurityPolicy({ pagePolicy }: Config) {
  const { additions, allowed, reportOnly, reports, trustedTypes } = pagePolicy;
  const names = [...new Set(additions.map(({ directive }) => directive))];
  const sourcesOf = (name: string) =>
    additions.flatMap(({ directive, sources }) => (directive === name ? sources.map(({ text }) => text) : []));
  return {
    additions: Object.fromEntries(names.map((name) => [name, [...new Set(sourcesOf(name))]])),
    allow: allowed,
    reportOnly,
    reports: typeof reports === "string" ? reports : reports.collector,
    trustedTypes: trustedTypes ?? "off",
  };
}

/** Settings that switch a protection of the default off. */
function weakened({ pagePolicy, transportSecurity, insecureCookies, publicOrigin, provider }: Config): string[] {
  const { allowed, reportOnly, trustedTypes, openerPolicy, resourcePolicy } = pagePolicy;
  const cases: readonly (readonly [applies: boolean, words: string])[] = [
    [reportOnly, "Content-Security-Policy only reports"],
    [trustedTypes === undefined, "Trusted Types off"],
    [openerPolicy !== "same-origin", `Cross-Origin-Opener-Policy ${openerPolicy}`],
    [resourcePolicy !== "same-origin", `Cross-Origin-Resource-Policy ${resourcePolicy}`],
    [publicOrigin.startsWith("http:"), "origin over http"],
    [publicOrigin.startsWith("https:") && transportSecurity === undefined, "no Strict-Transport-Security"],
    [insecureCookies, "cookies without Secure for WebKit browsers"],
    [provider.issuer.startsWith("http:"), "provider over http"],
  ];
  return [
    ...allowed.map((word) => `Content-Security-Policy allows ${word}`),
    ...cases.flatMap(([applies, words]) => (applies ? [words] : [])),
  ];
}

/** Keys that protect nothing, or that the summary shows in words of its own. Any other key is shown as it is. */
const SHOWN_OTHERWISE: ReadonlySet<string> = new Set([
  ...["prefix", "baseUrls", "access", "token", "csrf", "methods", "requiredRoles", "requiredScopes", "webSocket"],
  "requiredClaims",
  ...["bearer", "identityHeaders", "rateLimit", "headers", "requestHeaders", "tls", "tokenTarget"],
  ...["refreshOn401", "connectTimeoutMs", "headersTimeoutMs", "bodyIdleTimeoutMs", "maxConnections", "maxQueued"],
  ...["queueTimeoutMs", "breakerFailures", "breakerOpenMs", "breakerStatuses"],
]);
const DEFAULT_ROW = UPSTREAM_ROW.parse({ prefix: "/api", baseUrl: "http://localhost" }) as Record<string, unknown>;

function rowSummary(row: UpstreamConfig) {
  const others = Object.entries(row).filter(
    ([key, value]) =>
      !SHOWN_OTHERWISE.has(key) && value !== undefined && JSON.stringify(value) !== JSON.stringify(DEFAULT_ROW[key]),
  );
  return {
    prefix: row.prefix,
    baseUrls: row.baseUrls,
    access: row.access,
    token: row.token,
    tokenTarget: row.tokenTarget,
    csrf: row.csrf,
    methods: row.methods,
    requiredRoles: row.requiredRoles,
    requiredScopes: row.requiredScopes,
    requiredClaims: row.requiredClaims.map(({ path, values }) => ({
      claim: path.claim ?? path.names.join("."),
      values: [...values],
    })),
    bearer: row.bearer ?? null,
    identityHeaders: Object.fromEntries(
      row.identityHeaders.map(({ name, path }) => [name, path.claim ?? path.names.join(".")]),
    ),
    rateLimit: row.rateLimit ?? null,
    headers: [...row.headers.keys()],
    requestHeaders: row.requestHeaders === undefined ? null : [...row.requestHeaders],
    clientCertificate: row.tls?.cert !== undefined,
    ownCa: row.tls?.ca !== undefined,
    webSocket: row.webSocket,
    others: Object.fromEntries(others) as Record<string, unknown>,
  };
}

export function summaryInWords(each: Summary): string[] {
  const { additions, trustedTypes } = each.contentSecurityPolicy;
  const cspAdditions = Object.entries(additions).map(([name, sources]) => [name, ...sources].join(" "));
  const policies = typeof trustedTypes === "string" ? [] : trustedTypes;
  const permissions = Object.entries(each.headers.permissionsPolicy).map(([name, list]) => `${name}=${list}`);
  const line = (name: string, values: readonly string[], separator = "; ") =>
    values.length === 0 ? [] : [`  ${name}: ${values.join(separator)}`];
  return [
    `${each.id}${each.idIsDerived ? " (derived id)" : ""}  ${each.origin}  provider ${each.issuer}  pages ${each.pages ?? "none"}`,
    ...line("Content-Security-Policy adds", cspAdditions),
    ...line("Trusted Types policies", policies, ", "),
    ...line("Permissions-Policy", permissions, ", "),
    ...line("weakened", each.weakened),
    ...each.rows.map(rowInWords),
  ];
}

function rowInWords(row: RowSummary): string {
  const list = (name: string, values: readonly string[], separator = ", "): string[] =>
    values.length === 0 ? [] : [`${name} ${values.join(separator)}`];
  const areAllMethods = row.methods.length === (DEFAULT_ROW["methods"] as string[]).length;
  const words = [
    ...[`access ${row.access}`, `token ${row.token}`, `csrf ${row.csrf}`],
    ...list("roles", row.requiredRoles, " or "),
    ...list("scopes", row.requiredScopes, " and "),
    ...row.requiredClaims.flatMap(({ claim, values }) => list(`claim ${claim}`, values.map(String), " or ")),
    ...list("methods", areAllMethods ? [] : row.methods, " "),
    ...(row.bearer === null ? [] : bearerInWords(row.bearer)),
    ...list(
      "identity headers",
      Object.entries(row.identityHeaders).map(([name, claim]) => `${name} (${claim})`),
      " ",
    ),
    ...limitInWords("per user", row.rateLimit?.perUser),
    ...limitInWords("per address", row.rateLimit?.perAddress),
    ...list("request headers only", row.requestHeaders ?? [], " "),
    ...(row.clientCertificate ? ["client certificate"] : []),
    ...(row.webSocket ? ["WebSockets"] : []),
    ...Object.entries(row.others).map(([key, value]) => `${key} ${JSON.stringify(value)}`),
  ];
  return `  ${row.prefix} -> ${row.baseUrls.join(", ")}  ${words.join(", ")}`;
}

function bearerInWords(bearer: NonNullable<RowSummary["bearer"]>): string[] {
  const { audience = [], clientIds = [], issuer, typ, dpop, introspection } = bearer;
  return [
    ...(audience.length > 0 ? [`audience ${audience.join(" or ")}`] : []),
    ...(clientIds.length > 0 ? [`clients ${clientIds.join(" or ")}`] : []),
    ...(issuer === undefined ? [] : [`issuer ${issuer}`]),
    ...(typ === "optional" ? ["typ optional"] : []),
    ...(dpop === "required" ? ["DPoP required"] : []),
    ...(introspection === undefined ? [] : [`introspection of ${introspection.tokens} tokens`]),
  ];
}

function limitInWords(who: string, limit: { requests: number; seconds: number } | undefined): string[] {
  return limit === undefined ? [] : [`${who} ${limit.requests} requests in ${limit.seconds} s`];
}
