// The configurations of deploy/forward-auth, in which only addresses change.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./bin.ts";

/** Ports on 127.0.0.1. */
export type ProxyPorts = { own: number; gateway: number; forwardAuth: number; api: number };

const read = (name: string): string => readFileSync(join(ROOT, "deploy/forward-auth", name), "utf8");

/** @throws if a text to replace is not in the configuration */
function replaced(text: string, changes: readonly (readonly [string, string])[]): string {
  return changes.reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`${JSON.stringify(from)} is not in the configuration`);
    return result.replaceAll(from, to);
  }, text);
}

const addresses = ({ gateway, forwardAuth, api }: ProxyPorts) =>
  [
    ["127.0.0.1:3000", `127.0.0.1:${gateway}`],
    ["127.0.0.1:9001", `127.0.0.1:${forwardAuth}`],
    ["127.0.0.1:8000", `127.0.0.1:${api}`],
  ] as const;

/** @returns the content of nginx's `http` block, for plain http on `localhost` */
export function nginxForwardAuth(ports: ProxyPorts): string {
  return replaced(read("nginx.conf"), [
    ...addresses(ports),
    ["listen 443 ssl;", `listen 127.0.0.1:${ports.own};`],
    ["server_name app.example.com;", "server_name localhost;"],
    ["  ssl_certificate     /etc/ssl/app.example.com.pem;\n", ""],
    ["  ssl_certificate_key /etc/ssl/app.example.com.key;\n", ""],
  ]);
}

/** @returns the site block, for plain http on `localhost` */
export function caddyForwardAuth(ports: ProxyPorts): string {
  return replaced(read("Caddyfile"), [
    ...addresses(ports),
    ["app.example.com {", `http://localhost:${ports.own} {\n\tbind 127.0.0.1`],
  ]);
}
