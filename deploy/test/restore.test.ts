// restore.sh: private keys, passphrases and error messages. The database step is tested by npm run rehearsal.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it as always } from "vitest";

// setsid and script are part of util-linux.
const it = always.skipIf(process.platform !== "linux");
const folder = mkdtempSync(join(tmpdir(), "cloakroom-restore-"));
const backups = join(folder, "backups");
const secrets = join(folder, "secrets");
const script = join(import.meta.dirname, "..", "backup", "restore.sh");
const NAME = "cloakroom-20261129T000000Z.tar.cms";
const READERS = ["gateway", "redis", "postgres", "keycloak"];

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

/** The command of docs/guides/backup.md. */
function newKey(name: string, passphrase?: string): void {
  const curve = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-days",
    "3650",
    "-subj",
    "/CN=cloakroom-backup",
  ];
  const files = ["-keyout", join(folder, `${name}-key.pem`), "-out", join(folder, `${name}.pem`)];
  openssl(
    "req",
    "-x509",
    ...curve,
    ...files,
    ...(passphrase === undefined ? ["-noenc"] : ["-passout", `pass:${passphrase}`]),
  );
}

beforeAll(() => {
  mkdirSync(backups);
  for (const reader of READERS) {
    mkdirSync(join(folder, "content", reader), { recursive: true });
    writeFileSync(join(folder, "content", reader, "secret"), `of ${reader}`);
  }
  newKey("plain");
  newKey("locked", "the right one");
  newKey("other");
  spawnSync("tar", [
    "--create",
    "--file",
    join(folder, "backup.tar"),
    "--directory",
    join(folder, "content"),
    ...READERS,
  ]);
  for (const [key, name] of [
    ["plain", NAME],
    ["locked", `locked-${NAME}`],
  ] as const)
    openssl(
      ...["cms", "-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER", "-in", join(folder, "backup.tar")],
      ...["-out", join(backups, name), join(folder, `${key}.pem`)],
    );
  writeFileSync(join(folder, "garbage-key.pem"), "no key at all\n");
});
beforeEach(() => {
  rmSync(secrets, { recursive: true, force: true });
  for (const reader of READERS) mkdirSync(join(secrets, reader), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Attempt = { key: string; backup?: string; env?: Record<string, string>; typed?: string };

/** Runs without a controlling terminal, as in `docker compose run -T` or cron, unless input is typed. */
function restore({ key, backup = NAME, env = {}, typed }: Attempt) {
  const run = ["/bin/bash", script, "secrets", backup];
  // `script` provides the terminal on which openssl prompts.
  const [program = "", ...args] =
    typed === undefined ? ["setsid", "--wait", ...run] : ["script", "-qec", run.join(" "), "/dev/null"];
  const { status, stdout, stderr } = spawnSync(program, args, {
    env: {
      PATH: process.env["PATH"] ?? "",
      BACKUP_FOLDER: backups,
      SECRETS_FOLDER: secrets,
      BACKUP_KEY: join(folder, `${key}-key.pem`),
      ...env,
    },
    encoding: "utf8",
    ...(typed === undefined ? {} : { input: typed }),
  });
  return { status, output: stdout + stderr, isRestored: existsSync(join(secrets, "gateway", "secret")) };
}

const locked = { key: "locked", backup: `locked-${NAME}` };
const passphrase = (value: string) => ({ env: { BACKUP_KEY_PASSPHRASE: value } });

it.each<[string, Attempt]>([
  ["a key without a passphrase", { key: "plain" }],
  ["a passphrase from the environment", { ...locked, ...passphrase("the right one") }],
  ["a passphrase that is typed", { ...locked, typed: "the right one\n" }],
])("restore.sh restores secrets with %s", (_what, attempt) => {
  expect(restore(attempt)).toMatchObject({ status: 0, isRestored: true });
  expect(readFileSync(join(secrets, "keycloak", "secret"), "utf8")).toBe("of keycloak");
});

it.each<[string, Attempt, RegExp]>([
  ["no terminal for the passphrase", locked, /no terminal to prompt for the passphrase.*BACKUP_KEY_PASSPHRASE/],
  [
    "a wrong passphrase from the environment",
    { ...locked, ...passphrase("wrong") },
    /BACKUP_KEY_PASSPHRASE does not decrypt/,
  ],
  [
    "a wrong passphrase that is typed",
    { ...locked, typed: "wrong\n" },
    /the passphrase does not decrypt the private key/,
  ],
  ["another backup's key", { key: "other" }, /the private key does not decrypt this backup/],
  [
    "another backup's encrypted key",
    { key: "locked", ...passphrase("the right one") },
    /the private key does not decrypt this backup/,
  ],
  ["a file without a private key", { key: "garbage" }, /contains no PEM private key/],
  ["a missing key file", { key: "nowhere" }, /is missing or empty\. Mount the private key/],
  [
    "an unknown backup",
    { key: "plain", backup: "cloakroom-nothing.tar.cms" },
    /backup cloakroom-nothing\.tar\.cms does not exist/,
  ],
])("restore.sh exits with 78 and names the cause: %s", (_what, attempt, expected) => {
  const { status, output, isRestored } = restore(attempt);
  expect([status, isRestored]).toEqual([78, false]);
  expect(output.match(/Restore failed, nothing was changed: .*/)?.[0]).toMatch(expected);
});
