// The configurations of deploy/forward-auth, in which addresses change and headers are added as the guide describes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./bin.ts";

/** Ports on 127.0.0.1, and the names of further headers that a decision sets. */
export type ProxyPorts = {
  own: number;
  gateway: number;
  forwardAuth: number;
  api: number;
  headers?: readonly string[];
};

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
    ...nginxLines(ports.headers ?? []),
    ["listen 443 ssl;", `listen 127.0.0.1:${ports.own};`],
    ["server_name app.example.com;", "server_name localhost;"],
    ["  ssl_certificate     /etc/ssl/app.example.com.pem;\n", ""],
    ["  ssl_certificate_key /etc/ssl/app.example.com.key;\n", ""],
  ]);
}

/** One more of each line that has the name X-User-Email. */
function nginxLines(headers: readonly string[]): [string, string][] {
  const set = "auth_request_set $auth_user_email    $upstream_http_x_user_email;";
  const send = "proxy_set_header X-User-Email  $auth_user_email;";
  const lines = headers.map((name) => {
    const variable = name.toLowerCase().replaceAll("-", "_");
    return {
      set: `auth_request_set $auth_${variable} $upstream_http_${variable};`,
      send: `proxy_set_header ${name} $auth_${variable};`,
    };
  });
  return [
    [set, [set, ...lines.map((line) => line.set)].join("\n")],
    [send, [send, ...lines.map((line) => line.send)].join("\n")],
  ];
}

/** @returns the site block, for plain http on `localhost` */
export function caddyForwardAuth(ports: ProxyPorts): string {
  return replaced(read("Caddyfile"), [
    ...addresses(ports),
    ["X-User-Email", ["X-User-Email", ...(ports.headers ?? [])].join(" ")],
    ["app.example.com {", `http://localhost:${ports.own} {\n\tbind 127.0.0.1`],
  ]);
}

/** @returns the whole configuration, for plain http on `localhost` */
export function envoyForwardAuth(ports: ProxyPorts): string {
  const header = "- { exact: x-user-email, ignore_case: true }";
  const headers = (ports.headers ?? []).map((name) => `- { exact: ${name.toLowerCase()}, ignore_case: true }`);
  return replaced(read("envoy.yaml"), [
    ["address: 127.0.0.1, port_value: 3000", `address: 127.0.0.1, port_value: ${ports.gateway}`],
    ["address: 127.0.0.1, port_value: 9001", `address: 127.0.0.1, port_value: ${ports.forwardAuth}`],
    ["http://127.0.0.1:9001", `http://127.0.0.1:${ports.forwardAuth}`],
    ["address: 127.0.0.1, port_value: 8000", `address: 127.0.0.1, port_value: ${ports.api}`],
    ["address: 0.0.0.0, port_value: 443", `address: 127.0.0.1, port_value: ${ports.own}`],
    ["domains: [app.example.com]", `domains: ["localhost:${ports.own}"]`],
    [header, [header, ...headers].join(`\n${" ".repeat(30)}`)],
  ]);
}

/** @returns the static and the dynamic configuration, for plain http on `localhost` */
export function traefikForwardAuth(ports: ProxyPorts, dynamicFile: string): { fixed: string; dynamic: string } {
  const dynamic = replaced(read("traefik.yaml"), [
    ...addresses(ports),
    ["app.example.com", "localhost"],
    ["      tls: {}\n", ""],
    ["X-User-Email", ["X-User-Email", ...(ports.headers ?? [])].join(", ")],
  ]);
  const fixed = {
    entryPoints: {
      websecure: { address: `127.0.0.1:${ports.own}`, http: { aliasHeadersStrategy: "delete", sanitizePath: false } },
    },
    providers: { file: { filename: dynamicFile } },
    global: { checkNewVersion: false, sendAnonymousUsage: false },
    log: { level: "ERROR" },
  };
  // JSON is valid YAML.
  return { fixed: JSON.stringify(fixed), dynamic };
}
