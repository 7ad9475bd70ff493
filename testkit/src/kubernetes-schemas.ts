// JSON Schemas of Kubernetes, Gateway API and the Prometheus operator for kubeconform, made strict: unknown fields are errors.
// The sources are files of their Go modules, which `go mod download` fetches.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { ROOT } from "./bin.ts";

type Schema = { [key: string]: unknown };

export const KUBERNETES_VERSIONS = ["1.33.13", "1.34.4", "1.35.4"] as const;

const GATEWAY_API = "sigs.k8s.io/gateway-api@v1.2.1";
const PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0";

/** The kinds that the chart uses. A schema of every kind would take 300 MB. */
const KINDS = [
  ..."ConfigMap CronJob Deployment HorizontalPodAutoscaler Ingress NetworkPolicy PersistentVolumeClaim Pod".split(" "),
  ..."PodDisruptionBudget PriorityClass Service StatefulSet".split(" "),
];

const CRDS: Readonly<Record<string, readonly string[]>> = {
  [GATEWAY_API]: ["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"],
  [PROMETHEUS_OPERATOR]: [
    "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
  ],
};

/** A change of the sources or of this file's output needs a new folder name. */
export const SCHEMAS_FOLDER = join(ROOT, ".cache", "programs", `kubernetes-schemas-1-${KUBERNETES_VERSIONS.join("-")}`);

/** Values of kubeconform's -schema-location. */
export const SCHEMA_LOCATIONS = [
  join(SCHEMAS_FOLDER, "{{.NormalizedKubernetesVersion}}", "{{.ResourceKind}}{{.KindSuffix}}.json"),
  join(SCHEMAS_FOLDER, "custom", "{{.Group}}", "{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"),
];

export const hasKubernetesSchemas = (): boolean => existsSync(SCHEMAS_FOLDER);

/** @param go path of the Go command. All or nothing: the folder appears when it is complete. */
export function writeKubernetesSchemas(go: string): void {
  const folder = `${SCHEMAS_FOLDER}.partial`;
  rmSync(folder, { recursive: true, force: true });
  for (const version of KUBERNETES_VERSIONS) {
    const sources = download(go, `k8s.io/kubernetes@v${version}`);
    if (sources === undefined) return;
    const text = readFileSync(join(sources, "api", "openapi-spec", "swagger.json"), "utf8");
    const { definitions } = JSON.parse(text) as { definitions: Record<string, Schema> };
    writeBuiltIn(join(folder, `v${version}`), definitions);
  }
  for (const [module, files] of Object.entries(CRDS)) {
    const sources = download(go, module);
    if (sources === undefined) return;
    for (const file of files) writeCustom(join(folder, "custom"), readFileSync(join(sources, file), "utf8"));
  }
  renameSync(folder, SCHEMAS_FOLDER);
}

/** @returns the module's folder */
function download(go: string, module: string): string | undefined {
  console.log(`Downloading with go mod download: ${module}`);
  const { status, stdout, stderr } = spawnSync(go, ["mod", "download", "-json", module], {
    // Outside of any module.
    cwd: "/",
    env: { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-mod=mod" },
    encoding: "utf8",
    timeout: 10 * 60_000,
  });
  if (status !== 0) {
    console.error(stderr || stdout);
    return undefined;
  }
  return (JSON.parse(stdout) as { Dir: string }).Dir;
}

type GroupVersionKind = { group: string; version: string; kind: string };

function writeBuiltIn(folder: string, definitions: Readonly<Record<string, Schema>>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = (definition["x-kubernetes-group-version-kind"] ?? []) as GroupVersionKind[];
    for (const { group, version, kind } of kinds) {
      if (kinds.length > 1 || !KINDS.includes(kind)) continue;
      const file = [kind, ...group.split(".").slice(0, 1), version].filter((part) => part !== "").join("-");
      const names = referenced(name, definitions);
      const used = Object.fromEntries([...names].map((each) => [each, strict(definitions[each]!)]));
      write(join(folder, `${file.toLowerCase()}.json`), {
        allOf: [{ $ref: `#/definitions/${name}` }],
        definitions: used,
      });
    }
  }
}

function writeCustom(folder: string, text: string): void {
  for (const document of parseAllDocuments(text)) {
    const { spec } = document.toJS() as {
      spec: {
        group: string;
        names: { kind: string };
        versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
      };
    };
    mkdirSync(join(folder, spec.group), { recursive: true });
    for (const { name, schema } of spec.versions)
      write(
        join(folder, spec.group, `${spec.names.kind.toLowerCase()}_${name}.json`),
        strict(schema.openAPIV3Schema) as Schema,
      );
  }
}

function write(file: string, schema: Schema): void {
  writeFileSync(file, JSON.stringify({ $schema: "http://json-schema.org/draft-07/schema#", ...schema }));
}

function referenced(name: string, definitions: Readonly<Record<string, Schema>>, found = new Set<string>()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const [, other = ""] of JSON.stringify(definitions[name]).matchAll(/"#\/definitions\/([^"]+)"/g))
    referenced(other, definitions, found);
  return found;
}

/** Objects with named properties accept no others. Quantities and ports may be numbers or texts. */
function strict(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strict);
  if (typeof value !== "object" || value === null) return value;
  const schema = value as Schema;
  if (schema["format"] === "int-or-string") return { type: ["integer", "string"] };
  if (String(schema["description"]).startsWith("Quantity is a fixed-point")) return { type: ["string", "number"] };
  const copy = Object.fromEntries(
    Object.entries(schema).flatMap(([key, each]) => (key === "properties" ? [] : [[key, strict(each)]])),
  );
  // The names below `properties` are not keywords.
  const properties = schema["properties"] as Record<string, Schema> | undefined;
  if (properties === undefined) return copy;
  copy["properties"] = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, strict(each)]));
  const isOpen = "additionalProperties" in schema || schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (!isOpen) copy["additionalProperties"] = false;
  return copy;
}
