// Runs first, once: makes what is missing of the secrets and never changes what is there. `show` prints the passwords
// that people need.
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeSecrets, READERS, VOLUME_WRITERS, type SecretFile } from "./secrets.ts";

const root = process.env["SECRETS_ROOT"] ?? "/secrets";
const volumes = process.env["VOLUMES_ROOT"] ?? "/volumes";
const fileOf = ({ reader, name }: Pick<SecretFile, "reader" | "name">) => join(root, reader, name);

if (process.argv[2] === "show") show();
else {
  make();
  handOverVolumes();
}

/** All or none: two halves of a password from two runs would fit nothing. */
function make(): void {
  const secrets = makeSecrets();
  const missing = secrets.filter((secret) => !existsSync(fileOf(secret)));
  if (missing.length === 0) return console.log("Every secret is there.");
  if (missing.length < secrets.length) {
    const names = missing.map(({ reader, name }) => `${reader}/${name}`).join(", ");
    console.error(
      `Some secrets are missing (${names}) and others are there: restore the volumes from a backup, ` +
        "or delete all of them with `docker compose down --volumes`, which also deletes users and sessions.",
    );
    process.exitCode = 1;
    return;
  }
  for (const secret of secrets) write(secret);
  console.log("Made the secrets. With compose, show the passwords with: docker compose run --rm secrets show");
}

function write(secret: SecretFile): void {
  const file = fileOf(secret);
  mkdirSync(join(root, secret.reader), { recursive: true });
  const unfinished = `${file}.unfinished`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, secret.content, { mode: 0o400 });
  // Its reader's, and root's group: for `show`, without a capability that opens every file. The mode comes first: of a
  // file that is no longer ours we could not change it.
  chmodSync(unfinished, 0o440);
  if (process.getuid?.() === 0) chownSync(unfinished, READERS[secret.reader], 0);
  renameSync(unfinished, file);
}

function handOverVolumes(): void {
  if (process.getuid?.() !== 0) return;
  for (const [name, writer] of Object.entries(VOLUME_WRITERS)) {
    const folder = join(volumes, name);
    if (existsSync(folder)) chownSync(folder, writer, 0);
  }
}

function show(): void {
  const read = (name: string) => readFileSync(join(root, "keycloak", name), "utf8");
  console.log(`alice             ${read("alice_password")}`);
  console.log(`admin             ${read("admin_password")}`);
  console.log(`bootstrap-admin   ${read("bootstrap_admin_password")}   (Keycloak's administrator: replace it)`);
}
