// nginx configuration of upstream and contestant: one worker in the foreground with its own files.
import { mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { openFilesLimit } from "./processes.ts";
import { findProgram, needDebianPackage } from "./tools.ts";

type NginxConfig = { folder: string; name: string; http: string };

/** @returns the nginx command. @throws Missing */
export function nginxCommand({ folder, name, http }: NginxConfig): [string, ...string[]] {
  const program = needDebianPackage("nginx-light", () => findProgram("nginx"));
  const home = join(folder, name);
  mkdirSync(home, { recursive: true });
  const file = join(home, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `  ${kind}_temp_path ${join(home, kind)};`,
  );
  const lines = [
    "daemon off;",
    "worker_processes 1;",
    // As root, nginx would switch to a user without write access to this folder.
    ...(process.getuid?.() === 0 ? [`user ${userInfo().username};`] : []),
    `pid ${join(home, "nginx.pid")};`,
    "error_log stderr crit;",
    // nginx closes idle connections when 1/16 of these is free, so the number exceeds the open file limit.
    `events { worker_connections ${openFilesLimit() * 2}; }`,
    "http {",
    ...temporary,
    "  keepalive_timeout 120s;",
    "  keepalive_requests 100000000;",
    http,
    "}",
  ];
  writeFileSync(file, lines.join("\n"));
  return [program, "-p", home, "-e", "stderr", "-c", file];
}
