// nginx, Caddy, Envoy and Traefik with the configurations of deploy/forward-auth, in which only addresses change.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  caddyForwardAuth,
  envoyForwardAuth,
  nginxForwardAuth,
  traefikForwardAuth,
  type ProxyPorts,
} from "@cloakroom/testkit/forward-auth-config.ts";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";

export type ProxyName = "nginx" | "caddy" | "envoy" | "traefik";

export type RealProxy = { origin: string; output: () => string; stop: () => Promise<void> };

function nginxConfig(ports: ProxyPorts, folder: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  return `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr info;
${process.getuid?.() === 0 ? `user ${userInfo().username};` : ""}
events { worker_connections 1024; }
http { access_log off; ${temporary.join(" ")}
${nginxForwardAuth(ports)}
}`;
}

const caddyConfig = (ports: ProxyPorts): string =>
  `{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n}\n${caddyForwardAuth(ports)}`;

type Command = { file: string; content: string; args: (file: string) => string[] };

const commandOf = (name: ProxyName, ports: ProxyPorts, folder: string): Command => {
  switch (name) {
    case "nginx":
      return {
        ...{ file: "nginx.conf", content: nginxConfig(ports, folder) },
        args: (file) => ["-p", folder, "-e", "stderr", "-c", file],
      };
    case "caddy":
      return {
        ...{ file: "Caddyfile", content: caddyConfig(ports) },
        args: (file) => ["run", "--config", file, "--adapter", "caddyfile"],
      };
    case "traefik": {
      const dynamicFile = join(folder, "dynamic.yaml");
      const { fixed, dynamic } = traefikForwardAuth(ports, dynamicFile);
      writeFileSync(dynamicFile, dynamic);
      return { file: "traefik.yaml", content: fixed, args: (file) => [`--configFile=${file}`] };
    }
    case "envoy":
      return {
        ...{ file: "envoy.yaml", content: envoyForwardAuth(ports) },
        args: (file) => ["-c", file, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"],
      };
  }
};

export async function startRealProxy(name: ProxyName, program: string, ports: ProxyPorts): Promise<RealProxy> {
  const folder = mkdtempSync(join(tmpdir(), `cloakroom-${name}-`));
  const command = commandOf(name, ports, folder);
  const file = join(folder, command.file);
  writeFileSync(file, command.content);
  const args = command.args(file);
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
  for (let attempt = 0; !(await isServing(ports.own)); attempt++) {
    if (child.exitCode !== null || attempt > 400) {
      await stop();
      throw new Error(`${name} does not listen:\n${output}`);
    }
    await sleep(25);
  }
  return { origin: `http://localhost:${ports.own}`, output: () => output, stop };
}

/** Traefik listens before it has its routes, and responds 404 until then. */
async function isServing(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://localhost:${port}/bff/user`);
    await response.body?.cancel();
    return response.status !== 404;
  } catch {
    return false;
  }
}
