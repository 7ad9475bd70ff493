// Parses the Kubernetes manifests: the base from its files, the example rendered by kustomize if installed.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { findOnPath } from "@cloakroom/testkit/programs.ts";

const FOLDER = join(import.meta.dirname, "..", "kubernetes");

export type EnvironmentEntry = { name: string; value?: string; valueFrom?: { configMapKeyRef?: { key: string } } };
export type Probe = { httpGet?: { path: string; port: string } };
export type Container = {
  name: string;
  image: string;
  env?: EnvironmentEntry[];
  ports?: { name: string; containerPort: number }[];
  securityContext?: unknown;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop?: { exec?: { command: string[] } } };
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
};
export type PodSpec = {
  automountServiceAccountToken?: boolean;
  enableServiceLinks?: boolean;
  terminationGracePeriodSeconds?: number;
  securityContext?: Record<string, unknown>;
  containers: Container[];
  volumes?: { name: string; secret?: { secretName: string; defaultMode: number }; configMap?: { name: string } }[];
};
export type Template = { metadata: { labels: Record<string, string> }; spec: PodSpec };
export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  // oxlint-disable-next-line typescript/no-explicit-any -- the shape differs by kind
  spec: any;
  data?: Record<string, string>;
};

/** YAML 1.1, as in Kubernetes: `0440` is octal, `<<` merges. */
function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { version: "1.1", merge: true })
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

export function baseManifests(): Manifest[] {
  const folder = join(FOLDER, "base");
  return readdirSync(folder)
    .filter((file) => file !== "kustomization.yaml")
    .flatMap((file) => parseManifests(readFileSync(join(folder, file), "utf8")));
}

/** Literals of the example's ConfigMap. */
export function exampleSettings(): Record<string, string> {
  const text = readFileSync(join(FOLDER, "example", "kustomization.yaml"), "utf8");
  const { configMapGenerator } = parse(text) as { configMapGenerator: { literals: string[] }[] };
  const literals = configMapGenerator.flatMap((generator) => generator.literals);
  return Object.fromEntries(literals.map((line) => [line.split("=", 1)[0], line.slice(line.indexOf("=") + 1)]));
}

/** @returns undefined if neither kubectl nor kustomize is installed */
export function renderedExample(): Manifest[] | undefined {
  const kustomize = findOnPath(["kustomize"]);
  const kubectl = findOnPath(["kubectl"]);
  const [program, verb] = kustomize === undefined ? [kubectl, "kustomize"] : [kustomize, "build"];
  if (program === undefined) return undefined;
  const { status, stdout, stderr } = spawnSync(program, [verb, join(FOLDER, "example")], { encoding: "utf8" });
  if (status !== 0) throw new Error(`kustomize failed: ${stderr}`);
  return parseManifests(stdout);
}

export function templateOf({ kind, spec }: Manifest): Template | undefined {
  const job = spec as { jobTemplate?: { spec: { template: Template } }; template?: Template };
  return kind === "CronJob" ? job.jobTemplate?.spec.template : job?.template;
}
