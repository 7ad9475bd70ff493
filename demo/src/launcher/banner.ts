// Start-up message: URLs, demo users and where sessions are stored.
import { DEMO_USERS } from "@cloakroom/testing/provider/users.ts";
import type { System } from "../system.ts";

export function formatBanner({ origin, provider, api, redis }: System, isDev: boolean): string {
  const users = DEMO_USERS.map(
    ({ username, password, roles = [] }) => `    ${username.padEnd(6)} ${password.padEnd(20)} (${roles.join(", ")})`,
  );
  return `
  Cloakroom is running:  ${origin}${isDev ? "  (reloads as you edit)" : ""}

  Log in as
${users.join("\n")}

  Provider   ${provider.issuer}
  API        ${api.url}/docs
  Sessions   ${describeSessionStore(redis)}
  Cookies    Secure, except in Safari and other WebKit browsers, which store no Secure cookie over http

  Ctrl-C stops everything.
`;
}

function describeSessionStore({ url, server }: System["redis"]): string {
  if (url === undefined)
    return "in the gateway's memory, lost when it stops: REDIS_URL is not set, and redis-server or valkey-server is not on PATH";
  if (server !== undefined) return `in Redis on port ${server.port}, started for this run and without persistence`;
  const { hostname, port } = new URL(url.replace(/^redis(s?)\+\w+:/, "redis$1:").replace(/,.*$/, ""));
  return `in Redis at ${hostname}${port === "" ? "" : `:${port}`} (REDIS_URL)`;
}
