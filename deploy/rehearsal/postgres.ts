// Keycloak's PostgreSQL as the image makes it on its first start: the same user, database and way to log in.
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findPostgres } from "../../scripts/prerequisites.ts";
import { composedEnvironment } from "./composed.ts";
import { startProcess, type RunningProcess } from "./process.ts";

/** PostgreSQL refuses to be root. */
const NOBODY = 65_534;

export type PostgresPlace = { folder: string; port: number; password: string };

/** Makes a new, empty one where the folder does not exist. */
export async function startPostgres({ folder, port, password }: PostgresPlace): Promise<RunningProcess> {
  const programs = findPostgres();
  if (programs === undefined) throw new Error("There is no PostgreSQL server on this machine.");
  const environment = composedEnvironment("postgres", {});
  const user = environment["POSTGRES_USER"] ?? "";
  const database = environment["POSTGRES_DB"] ?? "";
  const isRoot = process.getuid?.() === 0;
  const asUser = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const isNew = !existsSync(folder);
  if (isNew) {
    mkdirSync(folder, { mode: 0o700 });
    const passwordFile = `${folder}.password`;
    writeFileSync(passwordFile, password);
    chmodSync(passwordFile, 0o400);
    if (isRoot) for (const path of [folder, passwordFile]) chownSync(path, NOBODY, NOBODY);
    const more = (environment["POSTGRES_INITDB_ARGS"] ?? "").split(" ");
    const args = [
      "-D",
      folder,
      "-U",
      user,
      `--pwfile=${passwordFile}`,
      "--auth-local=scram-sha-256",
      "--encoding=UTF8",
      "--no-sync",
      ...more,
    ];
    const { status, stderr } = spawnSync(join(programs, "initdb"), args, { ...asUser, encoding: "utf8", env: {} });
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
  }
  const ask = (name: string, ...args: string[]) =>
    spawnSync(name, [...args, "-h", "127.0.0.1", "-p", String(port), "-U", user], {
      env: { PATH: process.env["PATH"] ?? "", PGPASSWORD: password },
      encoding: "utf8",
    });
  const running = await startProcess({
    name: "PostgreSQL",
    program: join(programs, "postgres"),
    args: ["-D", folder, "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
    env: {},
    ...(isRoot ? { userId: NOBODY } : {}),
    isReady: () => Promise.resolve(ask("pg_isready", "-q").status === 0),
  });
  if (isNew) {
    const { status, stderr } = ask("createdb", database);
    if (status !== 0) throw new Error(`createdb failed: ${stderr}`);
  }
  return running;
}
