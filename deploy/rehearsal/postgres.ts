// PostgreSQL with the same user, database and authentication as the container image sets up on its first start.
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "@cloakroom/testkit/programs.ts";
import { composedEnvironment } from "./compose-file.ts";
import { startProcess, type RunningProcess } from "./process.ts";

/** PostgreSQL does not run as root. */
const UNPRIVILEGED_UID = 65_534;

export type PostgresOptions = { folder: string; port: number; password: string };

/** Initializes a new database cluster if the folder does not exist. */
export async function startPostgres({ folder, port, password }: PostgresOptions): Promise<RunningProcess> {
  const programs = findProgram("postgres");
  if (programs === undefined) throw new Error("No PostgreSQL server found.");
  const environment = composedEnvironment("postgres", {});
  const user = environment["POSTGRES_USER"] ?? "";
  const database = environment["POSTGRES_DB"] ?? "";
  const isRoot = process.getuid?.() === 0;
  const asUser = isRoot ? { uid: UNPRIVILEGED_UID, gid: UNPRIVILEGED_UID } : {};
  const isNew = !existsSync(folder);
  if (isNew) {
    mkdirSync(folder, { mode: 0o700 });
    const passwordFile = `${folder}.password`;
    writeFileSync(passwordFile, password);
    chmodSync(passwordFile, 0o400);
    if (isRoot) for (const path of [folder, passwordFile]) chownSync(path, UNPRIVILEGED_UID, UNPRIVILEGED_UID);
    const initdbArgs = (environment["POSTGRES_INITDB_ARGS"] ?? "").split(" ");
    const args = [
      "-D",
      folder,
      "-U",
      user,
      `--pwfile=${passwordFile}`,
      "--auth-local=scram-sha-256",
      "--encoding=UTF8",
      "--no-sync",
      ...initdbArgs,
    ];
    const { status, stderr } = spawnSync(join(programs, "initdb"), args, { ...asUser, encoding: "utf8", env: {} });
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
  }
  const runClient = (program: string, ...args: string[]) =>
    spawnSync(program, [...args, "-h", "127.0.0.1", "-p", String(port), "-U", user], {
      env: { PATH: process.env["PATH"] ?? "", PGPASSWORD: password },
      encoding: "utf8",
    });
  const running = await startProcess({
    name: "PostgreSQL",
    program: join(programs, "postgres"),
    args: ["-D", folder, "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
    env: {},
    ...(isRoot ? { userId: UNPRIVILEGED_UID } : {}),
    isReady: () => Promise.resolve(runClient("pg_isready", "-q").status === 0),
  });
  if (isNew) {
    const { status, stderr } = runClient("createdb", database);
    if (status !== 0) throw new Error(`createdb failed: ${stderr}`);
  }
  return running;
}
