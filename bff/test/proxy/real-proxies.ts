// nginx and Caddy with the configurations of deploy/forward-auth, in which only addresses change.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";

export type ProxyName = "nginx" | "caddy";

/** Ports on 127.0.0.1. */
export type ProxyPorts = { own: number; gateway: number; forwardAuth: number; api: number };

export type RealProxy = { origin: string; output: () => string; stop: () => Promise<void> };

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

function nginxConfig(ports: ProxyPorts, folder: string): string {
  const server = replaced(read("nginx.conf"), [
    ...addresses(ports),
    ["listen 443 ssl;", `listen 127.0.0.1:${ports.own};`],
    ["server_name app.example.com;", "server_name localhost;"],
    ["  ssl_certificate     /etc/ssl/app.example.com.pem;\n", ""],
    ["  ssl_certificate_key /etc/ssl/app.example.com.key;\n", ""],
  ]);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  return `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr info;
${process.getuid?.() === 0 ? `user ${userInfo().username};` : ""}
events { worker_connections 1024; }
http { access_log off; ${temporary.join(" ")}
${server}
}`;
}

function caddyConfig(ports: ProxyPorts): string {
  const site = replaced(read("Caddyfile"), [
    ...addresses(ports),
    ["app.example.com {", `http://localhost:${ports.own} {\n\tbind 127.0.0.1`],
  ]);
  return `{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n}\n${site}`;
}

export async function startRealProxy(name: ProxyName, program: string, ports: ProxyPorts): Promise<RealProxy> {
  const folder = mkdtempSync(join(tmpdir(), `cloakroom-${name}-`));
  const file = join(folder, name === "nginx" ? "nginx.conf" : "Caddyfile");
  writeFileSync(file, name === "nginx" ? nginxConfig(ports, folder) : caddyConfig(ports));
  const args =
    name === "nginx" ? ["-p", folder, "-e", "stderr", "-c", file] : ["run", "--config", file, "--adapter", "caddyfile"];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { PATH: "", HOME: folder } });
  const release = child.pid === undefined ? () => {} : killWithParent(child.pid);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    release();
    rmSync(folder, { recursive: true, force: true });
  };
  for (let attempt = 0; !(await isListening(ports.own)); attempt++) {
    if (child.exitCode !== null || attempt > 400) {
      await stop();
      throw new Error(`${name} does not listen:\n${output}`);
    }
    await sleep(25);
  }
  return { origin: `http://localhost:${ports.own}`, output: () => output, stop };
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
