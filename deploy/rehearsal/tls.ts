// The TLS proxy: Caddy with the Caddyfile of the container.
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { findProgram } from "@cloakroom/testkit/programs.ts";
import { respondsOk, startProcess, type RunningProcess } from "./process.ts";

const CADDYFILE = join(import.meta.dirname, "..", "tls", "Caddyfile");

export type TlsProxyOptions = {
  folder: string;
  publicOrigin: string;
  keycloakOrigin: string;
  ports: { http: number; health: number; gateway: number; keycloak: number };
  /** ADMIN_NETWORKS and BRIDGE_NETWORK; default: those of the Caddyfile. */
  env?: Readonly<Record<string, string>>;
};

export type TlsProxy = RunningProcess & {
  /** PEM certificate of Caddy's internal CA. */
  authority: string;
  /** SHA-256 of the CA's public key, for Chromium's --ignore-certificate-errors-spki-list. */
  keyHash: string;
};

function hasCertificate(origin: string): Promise<boolean> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    // Without verification: only checks that a certificate exists, and sends no data.
    const socket = connect({ host: "127.0.0.1", port: Number(port), servername: hostname, rejectUnauthorized: false });
    const done = (found: boolean) => {
      socket.destroy();
      resolve(found);
    };
    socket.once("secureConnect", () => done(true));
    socket.once("error", () => done(false));
  });
}

export async function startTlsProxy(options: TlsProxyOptions): Promise<TlsProxy> {
  const { folder, publicOrigin, keycloakOrigin, ports, env = {} } = options;
  const data = join(folder, "tls-data");
  const running = await startProcess({
    name: "Caddy",
    program: findProgram("caddy") ?? "caddy",
    args: ["run", "--config", CADDYFILE, "--adapter", "caddyfile"],
    env: {
      XDG_DATA_HOME: data,
      XDG_CONFIG_HOME: join(folder, "tls-config"),
      PUBLIC_ORIGIN: publicOrigin,
      KEYCLOAK_ORIGIN: keycloakOrigin,
      GATEWAY_ADDRESS: `127.0.0.1:${ports.gateway}`,
      KEYCLOAK_ADDRESS: `127.0.0.1:${ports.keycloak}`,
      HTTP_PORT: String(ports.http),
      HEALTH_PORT: String(ports.health),
      ...env,
    },
    // The health endpoint responds before the certificates are issued.
    isReady: async () =>
      (await respondsOk(`http://127.0.0.1:${ports.health}/health`)) &&
      (await hasCertificate(publicOrigin)) &&
      (await hasCertificate(keycloakOrigin)),
  });
  const authorities = join(data, "caddy", "pki", "authorities", "local");
  // Servers send the intermediate certificate, not the root.
  const intermediate = new X509Certificate(readFileSync(join(authorities, "intermediate.crt")));
  const key = intermediate.publicKey.export({ type: "spki", format: "der" });
  return {
    ...running,
    authority: readFileSync(join(authorities, "root.crt"), "utf8"),
    keyHash: createHash("sha256").update(key).digest("base64"),
  };
}
