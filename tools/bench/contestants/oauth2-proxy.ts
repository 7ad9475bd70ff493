// oauth2-proxy with its sessions in Redis.
import { randomBytes } from "node:crypto";
import type { BenchEnvironment, Contestant, Running } from "../contestant.ts";
import { startProgram } from "../start-process.ts";
import { needGoProgram } from "../tools.ts";

const VERSION = "v7.15.6";

export const oauth2Proxy: Contestant = {
  id: "oauth2-proxy",
  name: "oauth2-proxy, Redis",
  about: `${VERSION}, built with \`go install\`; it passes the ID token as bearer, its log goes to /dev/null`,
  login: { path: "/oauth2/start", callbackPath: "/oauth2/callback" },
  start: (environment, port) => startOauth2Proxy(environment, port),
};

export function startOauth2Proxy(
  environment: BenchEnvironment,
  port: number,
  changes: Record<string, string> = {},
): Promise<Running> {
  const program = needGoProgram("github.com/oauth2-proxy/oauth2-proxy/v7", VERSION);
  const settings = {
    "http-address": `127.0.0.1:${port}`,
    provider: "oidc",
    "oidc-issuer-url": environment.issuer,
    "client-id": environment.client.clientId,
    "client-secret": environment.client.clientSecret,
    "redirect-url": `http://localhost:${port}/oauth2/callback`,
    "code-challenge-method": "S256",
    scope: "openid profile email",
    "email-domain": "*",
    "insecure-oidc-allow-unverified-email": "true",
    "cookie-secret": randomBytes(16).toString("hex"),
    "cookie-secure": "false",
    "session-store-type": "redis",
    "redis-connection-url": environment.redis.url,
    "pass-authorization-header": "true",
    "skip-provider-button": "true",
    upstream: `${environment.upstream}/`,
    ...changes,
  };
  const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  return startProgram("oauth2-proxy", [program, ...args], port);
}
