// Generates the secrets of the composed system on its first start. Idempotent: existing secrets are never changed.
// `show` prints the passwords of the demo users and of Keycloak's bootstrap administrator.
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateSecrets, READER_UIDS, VOLUME_OWNER_UIDS, type SecretFile } from "./secrets.ts";

const root = process.env["SECRETS_ROOT"] ?? "/secrets";
const volumes = process.env["VOLUMES_ROOT"] ?? "/volumes";
const pathOf = ({ reader, name }: Pick<SecretFile, "reader" | "name">) => join(root, reader, name);

if (process.argv[2] === "show") showPasswords();
else {
  createSecrets();
  chownVolumes();
}

/** All or none: several secrets are one password stored for two services and must come from the same run. */
function createSecrets(): void {
  const secrets = generateSecrets();
  const missing = secrets.filter((secret) => !existsSync(pathOf(secret)));
  if (missing.length === 0) return console.log("All secrets exist.");
  if (missing.length < secrets.length) {
    const names = missing.map(({ reader, name }) => `${reader}/${name}`).join(", ");
    console.error(
      `Some secrets are missing (${names}) and others exist: restore the volumes from a backup, ` +
        "or delete all of them with `docker compose down --volumes`, which also deletes users and sessions.",
    );
    process.exitCode = 1;
    return;
  }
  for (const secret of secrets) writeSecret(secret);
  console.log("Secrets created. To print the passwords: docker compose run --rm secrets show");
}

function writeSecret(secret: SecretFile): void {
  const file = pathOf(secret);
  mkdirSync(join(root, secret.reader), { recursive: true });
  const temporary = `${file}.partial`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, secret.content, { mode: 0o400 });
  // Owner: the reading service. Group root, so that `show` works without CAP_DAC_OVERRIDE. chmod before chown: root
  // without CAP_FOWNER cannot change the mode of a file that it does not own.
  chmodSync(temporary, 0o440);
  if (process.getuid?.() === 0) chownSync(temporary, READER_UIDS[secret.reader], 0);
  renameSync(temporary, file);
}

function chownVolumes(): void {
  if (process.getuid?.() !== 0) return;
  for (const [name, uid] of Object.entries(VOLUME_OWNER_UIDS)) {
    const folder = join(volumes, name);
    if (existsSync(folder)) chownSync(folder, uid, 0);
  }
}

function showPasswords(): void {
  const read = (name: string) => readFileSync(join(root, "keycloak", name), "utf8");
  console.log(`alice             ${read("alice_password")}`);
  console.log(`admin             ${read("admin_password")}`);
  console.log(
    `bootstrap-admin   ${read("bootstrap_admin_password")}   (Keycloak's bootstrap administrator: replace it)`,
  );
}
