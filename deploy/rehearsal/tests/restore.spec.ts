// Disaster recovery: restores a destroyed system from one backup and its private key.
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createUser } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { fetchUser, fillLoginForm, logIn } from "@cloakroom/testkit/keycloak/pages.ts";
import { expect, test } from "../fixtures.ts";

type Keys = { certificate: string; key: string };

/** The command of docs/guides/backup.md, without a passphrase. */
function newKeys(folder: string, name: string): Keys {
  const [certificate, key] = [join(folder, `${name}.pem`), join(folder, `${name}-key.pem`)];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];
  const files = ["-keyout", key, "-out", certificate, "-days", "3650", "-subj", "/CN=cloakroom-backup"];
  expect(spawnSync("openssl", ["req", "-x509", ...curve, ...files]).status).toBe(0);
  return { certificate, key };
}

test("a restore into an empty system brings back users, passwords and secrets, but no sessions", async ({
  page,
  rehearsal,
}) => {
  test.setTimeout(300_000);
  const { folder, publicOrigin, keycloakOrigin } = rehearsal.installation;
  const user = await createUser(rehearsal.admin(), { department: "operations" });
  await logIn(page, publicOrigin, user);
  const before = await fetchUser(page);

  const keys = newKeys(folder, "backup");
  const backup = rehearsal.runScript("backup.sh", [], { BACKUP_CERTIFICATE: keys.certificate });
  expect(backup).toMatchObject({ status: 0, stderr: "" });
  const name = backup.stdout.trim();

  await test.step("the backup file is encrypted", () => {
    const file = join(folder, "backups", name);
    expect(statSync(file).mode & 0o777).toBe(0o440);
    const bytes = readFileSync(file);
    for (const word of ["keycloak.dump", "PGDMP", user.username, rehearsal.password("alice")])
      expect(bytes.includes(word)).toBe(false);
  });

  await test.step("restore.sh rejects a system that is not empty", () => {
    const run = (step: string) => rehearsal.runScript("restore.sh", [step, name], { BACKUP_KEY: keys.key });
    for (const [step, message] of [
      ["secrets", "empty system"],
      ["database", "not empty"],
    ] as const) {
      const { status, stderr } = run(step);
      expect([status, stderr.includes(message)]).toEqual([78, true]);
    }
  });

  await rehearsal.destroy();

  await test.step("restore.sh rejects another key and a modified backup", () => {
    const other = newKeys(folder, "other");
    const { status, stderr } = rehearsal.runScript("restore.sh", ["secrets", name], { BACKUP_KEY: other.key });
    expect(status).toBe(78);
    expect(stderr).toContain("does not decrypt this backup");
    const changed = readFileSync(join(folder, "backups", name));
    changed.writeUInt8(changed.readUInt8(changed.length - 40) ^ 1, changed.length - 40);
    writeFileSync(join(folder, "backups", "cloakroom-changed.tar.cms"), changed);
    const onChanged = ["secrets", "cloakroom-changed.tar.cms"];
    expect(rehearsal.runScript("restore.sh", onChanged, { BACKUP_KEY: keys.key }).status).toBe(78);
  });

  const restore = (step: string) => rehearsal.runScript("restore.sh", [step, name], { BACKUP_KEY: keys.key });
  expect(restore("secrets")).toMatchObject({ status: 0, stderr: "" });
  await rehearsal.startDatabase();
  expect(restore("database")).toMatchObject({ status: 0, stderr: "" });

  await test.step("Keycloak's export contains the users with their credentials", async () => {
    const realm = JSON.parse(await rehearsal.exportRealm()) as {
      realm: string;
      users: { username: string; credentials: { type: string; secretData?: string }[] }[];
    };
    expect(realm.realm).toBe("demo");
    const exported = realm.users.find(({ username }) => username === user.username);
    expect(exported?.credentials[0]).toMatchObject({ type: "password" });
    expect(exported?.credentials[0]?.secretData).toContain("value");
  });

  await rehearsal.startServices();

  await test.step("sessions from before the backup are gone", async () => {
    expect((await fetchUser(page)).user).toBeNull();
    await page.goto(`${publicOrigin}/bff/login`);
    expect(new URL(page.url()).origin).toBe(keycloakOrigin);
    await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
  });

  await test.step("the user logs in with the old password and has the same subject", async () => {
    await fillLoginForm(page, user);
    await page.waitForURL(`${publicOrigin}/**`);
    const after = await fetchUser(page);
    expect(after.user).toMatchObject({
      department: "operations",
      sub: before.user?.["sub"] as string,
      preferred_username: user.username,
    });
  });

  await test.step("Keycloak still has the audit events from before the backup", async () => {
    const events = await rehearsal.admin().get<{ type: string }[]>(`/demo/events?user=${user.id}`);
    expect(events.filter(({ type }) => type === "LOGIN").length).toBeGreaterThanOrEqual(2);
  });
});

test("backup.sh deletes the oldest backups beyond BACKUP_KEEP", ({ rehearsal }) => {
  const { folder } = rehearsal.installation;
  const { certificate } = newKeys(folder, "rotation");
  const backups = join(folder, "backups-of-rotation");
  spawnSync("mkdir", [backups]);
  const stale = ["20200101T000000Z", "20200102T000000Z", "20200103T000000Z"];
  for (const time of stale) writeFileSync(join(backups, `cloakroom-${time}.tar.cms`), "");
  const env = { BACKUP_CERTIFICATE: certificate, BACKUP_FOLDER: backups, BACKUP_KEEP: "2" };
  const { status, stdout } = rehearsal.runScript("backup.sh", [], env);
  expect(status).toBe(0);
  const { stdout: remaining } = spawnSync("ls", [backups], { encoding: "utf8" });
  expect(remaining.trim().split("\n")).toEqual(["cloakroom-20200103T000000Z.tar.cms", stdout.trim()]);
});

test("a backup contains each secret once when secrets are mounted as symbolic links (Kubernetes)", ({ rehearsal }) => {
  const { folder, secretsFolder } = rehearsal.installation;
  const keys = newKeys(folder, "kubernetes");
  const mounted = join(folder, "secrets-of-kubernetes");
  const script = `set -e; cp -a '${secretsFolder}' '${mounted}'; cd '${mounted}'
    for reader in *; do
      mkdir $reader/..2026_11_26; mv $reader/[!.]* $reader/..2026_11_26/; ln -s ..2026_11_26 $reader/..data
      for file in $reader/..2026_11_26/*; do ln -s ..data/$(basename $file) $reader/$(basename $file); done
    done`;
  expect(spawnSync("/bin/bash", ["-c", script], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  const env = { BACKUP_CERTIFICATE: keys.certificate, SECRETS_FOLDER: mounted };
  const name = rehearsal.runScript("backup.sh", [], env).stdout.trim();
  const listing = `openssl cms -decrypt -inform DER -in '${join(folder, "backups", name)}' -inkey '${keys.key}' | tar -tv`;
  const { stdout } = spawnSync("/bin/bash", ["-c", listing], { encoding: "utf8" });
  const files = stdout
    .trim()
    .split("\n")
    .filter((line) => line.startsWith("-"));
  expect(files.map((line) => line.split(" ").at(-1) ?? "").sort()).toEqual([
    "gateway/client_secret",
    "gateway/redis_url",
    "gateway/secret_keys",
    "keycloak.dump",
    "keycloak/admin_password",
    "keycloak/alice_password",
    "keycloak/bootstrap_admin_password",
    "keycloak/client_secret",
    "keycloak/database_password",
    "postgres/password",
    "redis/users.acl",
  ]);
});

test("backup.sh fails without a certificate instead of writing an unencrypted backup", ({ rehearsal }) => {
  const { status, stdout, stderr } = rehearsal.runScript("backup.sh", [], { BACKUP_CERTIFICATE: "/dev/null" });
  expect([status, stdout]).toEqual([78, ""]);
  expect(stderr).toContain("docs/guides/backup.md");
});
