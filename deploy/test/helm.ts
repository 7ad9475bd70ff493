// Renders the Helm chart with values and parses the result.
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parse, parseAllDocuments, stringify } from "yaml";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { findProgram } from "@cloakroom/testkit/programs.ts";

export const CHART = join(ROOT, "deploy", "helm", "cloakroom");
const EXAMPLES_FOLDER = join(ROOT, "deploy", "helm", "examples");

/** File names without extension. */
export const EXAMPLES = globSync("*.yaml", { cwd: EXAMPLES_FOLDER })
  .map((file) => basename(file, ".yaml"))
  .sort();
export const exampleFile = (name: string) => join(EXAMPLES_FOLDER, `${name}.yaml`);

export type Values = { [key: string]: unknown };
export const exampleValues = (name: string) => parse(readFileSync(exampleFile(name), "utf8")) as Values;

export type Peer = {
  podSelector?: { matchLabels?: Record<string, string> };
  namespaceSelector?: object;
  ipBlock?: { cidr: string };
};
export type PolicyRule = { from?: Peer[]; to?: Peer[]; ports: { port: number; protocol: string }[] };
export type Probe = { httpGet?: { path: string; port: string } };
export type Container = {
  name: string;
  image: string;
  command?: string[];
  env?: { name: string; value?: string; valueFrom?: object }[];
  ports?: { name: string; containerPort: number }[];
  securityContext?: unknown;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop?: { sleep?: { seconds: number } } };
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean; subPath?: string }[];
};
export type Volume = {
  name: string;
  secret?: { secretName: string; defaultMode: number; items?: { key: string; path: string }[] };
  projected?: {
    defaultMode: number;
    sources: { secret: { name: string; items?: { key: string; path: string }[] } }[];
  };
  configMap?: { name: string };
};
export type PodSpec = {
  automountServiceAccountToken?: boolean;
  enableServiceLinks?: boolean;
  terminationGracePeriodSeconds?: number;
  priorityClassName?: string;
  securityContext?: Record<string, unknown>;
  containers: Container[];
  volumes?: Volume[];
};
export type Metadata = { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
export type Template = { metadata: Metadata; spec: PodSpec };
export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  // oxlint-disable-next-line typescript/no-explicit-any -- the shape differs by kind
  spec: any;
  data?: Record<string, string>;
  value?: number;
};

export const HELM = findProgram("helm");
const scratch = mkdtempSync(join(tmpdir(), "cloakroom-helm-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));

export function helm(...args: string[]) {
  if (HELM === undefined) throw new Error("Helm is missing");
  const env = { PATH: process.env["PATH"] ?? "", HOME: scratch };
  return spawnSync(HELM, args, { cwd: scratch, env, encoding: "utf8" });
}

/** @param values a file, or values */
export function render(values: string | Values, ...args: string[]): { text: string; stderr: string } {
  const { stdout, stderr } = helm("template", "cloakroom", CHART, "-n", "cloakroom", "-f", fileOf(values), ...args);
  return { text: stdout, stderr };
}

let files = 0;
function fileOf(values: string | Values): string {
  if (typeof values === "string") return values;
  mkdirSync(scratch, { recursive: true });
  const file = join(scratch, `values-${(files += 1)}.yaml`);
  writeFileSync(file, stringify(values));
  return file;
}

/** @throws the message of Helm */
export function manifestsOf(values: string | Values): Manifest[] {
  const { text, stderr } = render(values);
  if (text === "") throw new Error(stderr);
  return parseManifests(text);
}

/** YAML 1.1, as in Kubernetes: `0440` is octal. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { version: "1.1", merge: true })
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

export function templateOf(manifest: Manifest): Template | undefined {
  const { kind, metadata, spec } = manifest;
  if (kind === "Pod") return { metadata, spec: spec as PodSpec };
  const job = spec as { jobTemplate?: { spec: { template: Template } }; template?: Template } | undefined;
  return kind === "CronJob" ? job?.jobTemplate?.spec.template : job?.template;
}

/** @returns values with the changes of `patch`, whose `undefined` removes a value */
export function merged(values: Values, patch: Values): Values {
  const result = { ...values };
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) delete result[key];
    else result[key] = isMapping(value) && isMapping(result[key]) ? merged(result[key], value) : value;
  }
  return result;
}

const isMapping = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);
