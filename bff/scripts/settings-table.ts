// Generates the setting tables of docs/reference/settings.md, one per topic, between two markers.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SETTINGS, type Setting, type SettingName } from "../src/config/settings.ts";
import { ROOT } from "@cloakroom/testkit/bin.ts";

const START = "<!-- settings: written by bff/scripts/settings-table.ts -->";
const END = "<!-- end of settings -->";

const TOPICS: readonly { title: string; settings: readonly SettingName[] }[] = [
  {
    title: "Application",
    settings: ["PUBLIC_ORIGIN", "APP_ID", "SPA_ROOT", "SPA_URL", "ACCOUNT_URL", "ERROR_PAGES", "INSECURE_COOKIES"],
  },
  {
    title: "Provider",
    settings: [
      "OIDC_ISSUER",
      "OIDC_TENANTS",
      "OIDC_CLIENT_ID",
      "OIDC_CLIENT_SECRET",
      "OIDC_SCOPE",
      "OIDC_RESOURCE",
      "OIDC_ID_TOKEN_ALG",
    ],
  },
  { title: "Claims and roles", settings: ["OIDC_ROLES_CLAIM", "OIDC_USERINFO", "OIDC_AUDIENCES"] },
  {
    title: "Login and logout",
    settings: [
      ...(["OIDC_LOGIN_PARAMETERS", "SILENT_LOGIN", "OIDC_RESPONSE_ISS", "POST_LOGOUT_PATH"] as const),
      ...(["OIDC_LOGOUT_PARAMETERS", "OIDC_LOGOUT_TOKEN_TYP"] as const),
    ],
  },
  {
    title: "Client authentication",
    settings: [
      ...(["OIDC_CLIENT_AUTH", "OIDC_CLIENT_KEY_FILE", "OIDC_CLIENT_CERT_FILE"] as const),
      ...(["OIDC_CLIENT_ASSERTION_FILE", "OIDC_CLIENT_ALG"] as const),
    ],
  },
  {
    title: "Security profile, signed requests, bound tokens",
    settings: [
      ...(["OIDC_PROFILE", "OIDC_PAR", "OIDC_SIGNED_REQUEST", "OIDC_SIGNED_RESPONSE"] as const),
      "OIDC_SENDER_CONSTRAINED",
    ],
  },
  {
    title: "Connection to the provider",
    settings: [
      ...(["OIDC_INTERNAL_URL", "OIDC_CA_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] as const),
      "OIDC_TIMEOUT_SECONDS",
    ],
  },
  { title: "Token lifetimes and refresh", settings: ["OIDC_ACCESS_TOKEN_SECONDS", "REFRESH_RATE_PER_SECOND"] },
  { title: "Keycloak", settings: ["KEYCLOAK_ADMIN_CLIENT_ID", "KEYCLOAK_ADMIN_CLIENT_SECRET"] },
  {
    title: "Sessions",
    settings: [
      ...(["SECRET_KEYS", "SESSION_IDLE_SECONDS", "SESSION_MAX_SECONDS", "SESSIONS_PER_USER"] as const),
      "SESSION_CACHE_SECONDS",
    ],
  },
  {
    title: "Redis",
    settings: [
      ...(["REDIS_URL", "REDIS_CA_FILE", "REDIS_CERT_FILE", "REDIS_KEY_FILE", "REDIS_SENTINEL_USERNAME"] as const),
      ...(["REDIS_SENTINEL_PASSWORD", "REDIS_TIMEOUT_MS", "REDIS_CONFIRM_REPLICAS"] as const),
    ],
  },
  {
    title: "Policies of the app's pages",
    settings: [
      ...(["CSP_ADDITIONS", "CSP_ALLOW", "CSP_REPORT_ONLY", "CSP_REPORTS", "TRUSTED_TYPES"] as const),
      ...(["CROSS_ORIGIN_OPENER_POLICY", "CROSS_ORIGIN_EMBEDDER_POLICY", "CROSS_ORIGIN_RESOURCE_POLICY"] as const),
      ...(["PERMISSIONS_POLICY", "REFERRER_POLICY", "STRICT_TRANSPORT_SECURITY"] as const),
    ],
  },
  { title: "Upstreams", settings: ["UPSTREAMS", "UPSTREAMS_FILE"] },
  {
    title: "Listeners and proxies",
    settings: [
      ...(["HOST", "PORT", "MANAGEMENT_HOST", "MANAGEMENT_PORT", "ADMIN_TOKEN", "TRUSTED_PROXIES"] as const),
      ...(["FORWARD_AUTH_LISTEN", "FORWARD_AUTH_PROXY"] as const),
    ],
  },
  {
    title: "Limits",
    settings: [
      ...(["MAX_WAITING_REQUESTS", "MAX_WAITING_PER_SESSION", "MAX_WAITING_PER_ADDRESS"] as const),
      ...(["MAX_CONNECTIONS", "MAX_EVENT_STREAMS"] as const),
    ],
  },
  { title: "Process", settings: ["WORKERS", "DRAIN_SECONDS", "LOG_LEVEL"] },
];

/** @throws Error unless every setting belongs to exactly one topic. */
export function settingsTables(): string {
  const sorted = TOPICS.flatMap(({ settings }) => settings);
  const misplaced = Object.keys(SETTINGS).filter((name) => sorted.filter((each) => each === name).length !== 1);
  if (misplaced.length > 0) throw new Error(`settings that are not in exactly one topic: ${misplaced.join(", ")}`);
  const tables = TOPICS.map(({ title, settings }) =>
    [`## ${title}`, "", "| setting | path | default | meaning |", "|---|---|---|---|", ...settings.map(row), ""].join(
      "\n",
    ),
  );
  return [START, ...tables, END].join("\n");
}

function row(name: SettingName): string {
  const setting: Setting = SETTINGS[name];
  const initial = setting.required === true ? "*required*" : setting.default ? `\`${setting.default}\`` : "";
  const file = setting.secret === true ? ` (or \`${name}_FILE\`)` : "";
  const path = `\`${setting.path}\`${setting.scope === "server" ? " (server)" : ""}`;
  return `| \`${name}\`${file} | ${path} | ${initial} | ${setting.meaning} |`;
}

/** @returns the text with its tables replaced. @throws Error where the markers are missing. */
function withSettingsTables(text: string): string {
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from === -1 || to === -1) throw new Error(`docs without the markers ${START} and ${END}`);
  return text.slice(0, from) + settingsTables() + text.slice(to + END.length);
}

if (import.meta.main) {
  const file = join(ROOT, "docs", "reference", "settings.md");
  writeFileSync(file, withSettingsTables(readFileSync(file, "utf8")));
}
