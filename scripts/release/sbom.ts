// npm run release:sbom -- FILE: the bill of materials of the gateway (CycloneDX 1.5, JSON): the package and its production
// dependencies, from package-lock.json. The same commit gives the same bytes.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { copyManifests, npm, GATEWAY_ONLY } from "./production-tree.ts";
import { runCommandLine } from "./run-command-line.ts";

export type Component = {
  "bom-ref": string;
  type: string;
  name: string;
  version: string;
  purl: string;
  scope?: string;
  hashes?: { alg: string; content: string }[];
  licenses?: unknown[];
  properties?: { name: string; value: string }[];
  externalReferences?: unknown[];
};
export type Sbom = {
  bomFormat: string;
  specVersion: string;
  serialNumber: string;
  version: number;
  metadata: { timestamp?: string; component: Component; tools?: unknown[]; lifecycles?: unknown[] };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
};

const GATEWAY = "@cloakroom/gateway";

export function writeSbom(file: string): void {
  const scratch = mkdtempSync(join(tmpdir(), "cloakroom-sbom-"));
  try {
    copyManifests(scratch);
    // Without `--omit`: npm's selector would leave out packages that are a development dependency of another workspace (`pino`).
    const text = npm(scratch, ["sbom", "--sbom-format=cyclonedx", "--package-lock-only", ...GATEWAY_ONLY]);
    writeFileSync(file, `${JSON.stringify(gatewaySbom(JSON.parse(text) as Sbom), null, 2)}\n`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Makes the gateway the subject of npm's document, and leaves out what changes from run to run. */
export function gatewaySbom(document: Sbom): Sbom {
  // npm names a workspace by its folder; the reference has the name of the package.
  const subject = document.components.find((each) => each["bom-ref"].startsWith(`${GATEWAY}@`));
  if (subject === undefined) throw new Error(`npm sbom lists no ${GATEWAY}.`);
  const { timestamp: _, ...metadata } = document.metadata;
  const root = metadata.component["bom-ref"];
  const { scope: _scope, properties: _properties, ...component } = subject;
  const components = document.components.filter((each) => each !== subject);
  const dependencies = document.dependencies.filter(({ ref }) => ref !== root);
  const content = JSON.stringify([component, components, dependencies]);
  return {
    ...document,
    serialNumber: `urn:uuid:${uuidOf(content)}`,
    metadata: { ...metadata, component: { ...component, name: GATEWAY, type: "application" } },
    components,
    dependencies,
  };
}

/** A name-based UUID (RFC 9562 §5.8): the same content has the same serial number. */
function uuidOf(content: string): string {
  const hash = createHash("sha256").update(content).digest("hex");
  const variant = ((Number.parseInt(hash.slice(16, 18), 16) & 0x3f) | 0x80).toString(16).padStart(2, "0");
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    variant + hash.slice(18, 20),
    hash.slice(20, 32),
  ].join("-");
}

if (import.meta.main)
  runCommandLine(() => {
    const file = resolve(process.argv[2] ?? "sbom.cdx.json");
    writeSbom(file);
    console.log(`Wrote ${file}`);
  });
