// The example files of the documentation and of deploy/ are valid.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadGatewayConfig } from "../../../src/config/config.ts";
import { KEY, SECRET } from "./config-files.ts";

const root = join(import.meta.dirname, "../../../..");
const secrets = mkdtempSync(join(tmpdir(), "cloakroom-secrets-"));
writeFileSync(join(secrets, "secret-key"), KEY);
for (const name of ["client-secret", "shop-client-secret"]) writeFileSync(join(secrets, name), SECRET);

const guide = readFileSync(join(root, "docs/guides/configuration-file.md"), "utf8");

it.each<[string, string, number]>([
  ["deploy/config/cloakroom.yaml", readFileSync(join(root, "deploy/config/cloakroom.yaml"), "utf8"), 1],
  ["deploy/config/several-apps.yaml", readFileSync(join(root, "deploy/config/several-apps.yaml"), "utf8"), 2],
  ["the example of the guide", /```yaml\n([\s\S]*?)```/.exec(guide)?.[1] ?? "", 1],
])("%s is valid", (_name, text, applications) => {
  const file = join(secrets, "cloakroom.yaml");
  writeFileSync(file, text.replaceAll("/run/secrets", secrets));
  const env = { BACK_OFFICE_CLIENT_SECRET: SECRET, NODE_ENV: "production" };
  expect(loadGatewayConfig(env, file).applications).toHaveLength(applications);
});
