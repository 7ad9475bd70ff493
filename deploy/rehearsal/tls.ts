// The TLS proxy of the profile `tls`: Caddy with the file that the container gets.
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { findOnPath } from "../../scripts/prerequisites.ts";
import { answersOk, startProcess, type RunningProcess } from "./process.ts";

const CADDYFILE = join(import.meta.dirname, "..", "tls", "Caddyfile");

export const findCaddy = (): string | undefined => process.env["CADDY"] ?? findOnPath(["caddy"]);

export type TlsPlace = {
  folder: string;
  publicOrigin: string;
  keycloakOrigin: string;
  ports: { http: number; health: number; gateway: number; keycloak: number };
  /** ADMIN_NETWORKS and BRIDGE_NETWORK; absent: the defaults of the file. */
  env?: Readonly<Record<string, string>>;
};

export type TlsProxy = RunningProcess & {
  /** PEM of the authority that it made for itself. */
  authority: string;
  /** What Chromium is told to trust (--ignore-certificate-errors-spki-list): this authority's key and no other. */
  keyHash: string;
};

function hasCertificate(origin: string): Promise<boolean> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    // Only whether there is one: nothing is sent over this connection.
    const socket = connect({ host: "127.0.0.1", port: Number(port), servername: hostname, rejectUnauthorized: false });
    const done = (found: boolean) => {
      socket.destroy();
      resolve(found);
    };
    socket.once("secureConnect", () => done(true));
    socket.once("error", () => done(false));
  });
}

export async function startTlsProxy(place: TlsPlace): Promise<TlsProxy> {
  const { folder, publicOrigin, keycloakOrigin, ports, env = {} } = place;
  const data = join(folder, "tls-data");
  const running = await startProcess({
    name: "Caddy",
    program: findCaddy() ?? "caddy",
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
    // It answers before it has its certificates.
    isReady: async () =>
      (await answersOk(`http://127.0.0.1:${ports.health}/health`)) &&
      (await hasCertificate(publicOrigin)) &&
      (await hasCertificate(keycloakOrigin)),
  });
  const authorities = join(data, "caddy", "pki", "authorities", "local");
  // The root is not part of what a server sends; the intermediate is.
  const intermediate = new X509Certificate(readFileSync(join(authorities, "intermediate.crt")));
  const key = intermediate.publicKey.export({ type: "spki", format: "der" });
  return {
    ...running,
    authority: readFileSync(join(authorities, "root.crt"), "utf8"),
    keyHash: createHash("sha256").update(key).digest("base64"),
  };
}
