// The rendered Helm chart: validated against the schemas of Kubernetes, Gateway API and the Prometheus operator, and compared
// with the programs that it starts. Needs Helm and kubeconform (npm run setup); no cluster.
import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it as always } from "vitest";
import { parse } from "yaml";
import { SETTINGS } from "@cloakroom/gateway/src/config/settings.ts";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { KUBERNETES_VERSIONS, SCHEMA_LOCATIONS } from "@cloakroom/testkit/kubernetes-schemas.ts";
import { findProgram } from "@cloakroom/testkit/programs.ts";
import {
  CHART,
  exampleFile,
  EXAMPLES,
  exampleValues,
  HELM,
  helm,
  manifestsOf,
  merged,
  parseManifests,
  render,
  templateOf,
  type Container,
  type Manifest,
  type Peer,
  type PodSpec,
  type PolicyRule,
  type Template,
  type Values,
} from "./helm.ts";

const KUBECONFORM = findProgram("kubeconform");
const hasSchemas = findProgram("kubernetesSchemas") !== undefined && KUBECONFORM !== undefined;
const it = always.skipIf(HELM === undefined);
const validated = always.skipIf(HELM === undefined || !hasSchemas);

const scratch = mkdtempSync(join(tmpdir(), "cloakroom-rendered-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const { version: VERSION } = parse(readFileSync(join(CHART, "Chart.yaml"), "utf8")) as { version: string };
const COMPONENT = "app.kubernetes.io/component";
/** A node with 2 CPUs, without the requests of Kubernetes' own pods (kind, single node: 950m). */
const FREE_MILLICORES = 1050;

const rendered = new Map<string, Manifest[]>();
function example(name: string): Manifest[] {
  const manifests = rendered.get(name) ?? manifestsOf(exampleFile(name));
  rendered.set(name, manifests);
  return manifests;
}

const ofKind = (manifests: readonly Manifest[], kind: string) => manifests.filter((each) => each.kind === kind);
function find(manifests: readonly Manifest[], kind: string, name = "cloakroom"): Manifest {
  const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

type Workload = { name: string; manifest: Manifest; template: Template; pod: PodSpec; component: string };
function workloadsOf(manifests: readonly Manifest[]): Workload[] {
  return manifests.flatMap((manifest) => {
    const template = templateOf(manifest);
    if (template === undefined) return [];
    const component = template.metadata.labels[COMPONENT]!;
    return [{ name: manifest.metadata.name, manifest, template, pod: template.spec, component }];
  });
}
const gatewayOf = (manifests: readonly Manifest[]): Container =>
  templateOf(find(manifests, "Deployment"))!.spec.containers[0]!;

type Validation = { name: string; status: string; msg?: string };

/** @returns the findings of kubeconform, without valid manifests */
function invalid(text: string, version: string): Validation[] {
  const locations = SCHEMA_LOCATIONS.flatMap((location) => ["-schema-location", location]);
  const args = ["-strict", "-output", "json", "-verbose", "-kubernetes-version", version, ...locations, "-"];
  const { stdout, stderr } = spawnSync(KUBECONFORM!, args, { input: text, encoding: "utf8" });
  if (stdout === "") throw new Error(stderr);
  const { resources } = JSON.parse(stdout) as { resources: Validation[] };
  expect(resources.length).toBeGreaterThan(0);
  return resources.filter(({ status }) => status !== "statusValid");
}

describe("the chart", () => {
  it.each(EXAMPLES)("the chart passes helm lint --strict with the example %s", (name) => {
    const { status, stdout } = helm("lint", "--strict", CHART, "-f", exampleFile(name));
    expect([status, stdout]).toEqual([0, expect.stringContaining("0 chart(s) failed")]);
  });

  for (const version of KUBERNETES_VERSIONS)
    validated.each(EXAMPLES)(`the example %s passes the strict schemas of Kubernetes ${version}`, (name) =>
      expect(invalid(render(exampleFile(name)).text, version)).toEqual([]),
    );

  validated.each<[string, string, string, string]>([
    ["a misspelled field of a pod", "all-in", "terminationGracePeriodSeconds:", "terminationGracePeriod:"],
    ["a port that is no number", "all-in", "containerPort: 3000", "containerPort: three"],
    ["a misspelled field of a route", "gateway-api", "hostnames:", "hostNames:"],
    ["a misspelled field of a PodMonitor", "all-in", "podMetricsEndpoints:", "podMetricEndpoints:"],
    ["a misspelled field of an alert", "all-in", "expr:", "expression:"],
    ["a key that occurs twice", "minimal", "  type: ClusterIP", "  type: ClusterIP\n  type: NodePort"],
  ])("the validation rejects %s", (_what, name, from, to) => {
    const { text } = render(exampleFile(name));
    expect(text).toContain(from);
    for (const version of KUBERNETES_VERSIONS) expect(invalid(text.replace(from, to), version)).toHaveLength(1);
  });

  it("the packed chart renders the same manifests and fits in a release Secret", () => {
    const { status, stderr } = helm("package", CHART, "-d", scratch);
    expect([status, stderr]).toEqual([0, ""]);
    const archive = join(scratch, `cloakroom-${VERSION}.tgz`);
    expect(readFileSync(archive).length).toBeLessThan(200_000);
    const { stdout } = helm("template", "cloakroom", archive, "-n", "cloakroom", "-f", exampleFile("all-in"));
    expect(stdout).toBe(render(exampleFile("all-in")).text);
  });

  it("a new version of the chart alone restarts no pod", () => {
    helm("package", CHART, "-d", scratch, "--version", "9.9.9");
    const archive = join(scratch, "cloakroom-9.9.9.tgz");
    const { stdout } = helm("template", "cloakroom", archive, "-n", "cloakroom", "-f", exampleFile("all-in"));
    const templates = (manifests: readonly Manifest[]) =>
      workloadsOf(manifests).map(({ name, template }) => ({ name, template: template.spec }));
    expect(templates(parseManifests(stdout))).toEqual(templates(example("all-in")));
    for (const { name, manifest, template } of workloadsOf(parseManifests(stdout)))
      if (manifest.kind !== "Pod")
        expect([name, JSON.stringify(template)]).toEqual([name, expect.not.stringContaining("9.9.9")]);
  });

  it("two releases in one cluster share no name, selector or class", () => {
    const namesOf = (release: string, namespace: string) => {
      const { stdout } = helm("template", release, CHART, "-n", namespace, "-f", exampleFile("all-in"));
      return parseManifests(stdout);
    };
    const [one, two] = [namesOf("shop", "a"), namesOf("desk", "a")];
    const keys = (manifests: Manifest[]) => manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(keys(one).filter((key) => keys(two).includes(key))).toEqual([]);
    const other = keys(namesOf("shop", "b"));
    expect(other.filter((key) => key.startsWith("PriorityClass") && keys(one).includes(key))).toEqual([]);
    const { selector } = find(one, "Service", "shop-cloakroom").spec as { selector: Record<string, string> };
    expect(selector["app.kubernetes.io/instance"]).toBe("shop");
  });
});

describe("wrong values", () => {
  const row = { prefix: "/api", baseUrl: "http://orders:8000" };
  const literal = "is a secret in plain text";
  it.each<[string, string, Values, string]>([
    ["no image", "minimal", { image: { repository: "" } }, "image.repository is not set"],
    ["no Secret", "minimal", { existingSecret: "" }, "existingSecret is not set"],
    ["no origin", "minimal", { config: { origin: undefined } }, "config.origin is not set"],
    [
      "an origin with a path",
      "minimal",
      { config: { origin: "https://app.example.com/x" } },
      "config.origin must be an origin",
    ],
    [
      "an origin with a reference",
      "minimal",
      { config: { origin: "https://${HOST}" } },
      "config.origin must be an origin",
    ],
    ["no issuer", "minimal", { config: { provider: { issuer: undefined } } }, "config.provider.issuer is not set"],
    [
      "no client id",
      "minimal",
      { config: { provider: { clientId: undefined } } },
      "config.provider.clientId is not set",
    ],
    [
      "an application without a client id",
      "several-applications",
      { config: { applications: [{ id: "a", origin: "https://a.example.com" }] } },
      "config.applications[0].provider.clientId is not set",
    ],
    [
      "an application without an id on the built-in Redis",
      "several-applications",
      { config: { applications: [{ origin: "https://a.example.com", provider: { clientId: "a" } }] } },
      "config.applications[0].id is not set",
    ],
    ["a built-in Redis without an id", "minimal", { redis: { enabled: true } }, "config.id is not set"],
    [
      "a client secret in plain text",
      "minimal",
      { config: { provider: { clientSecret: "a-secret-in-the-values" } } },
      `config.provider.clientSecret ${literal}`,
    ],
    [
      "a client secret as a default of a reference",
      "minimal",
      { config: { provider: { clientSecret: "${SECRET:-a-secret-in-the-values}" } } },
      `config.provider.clientSecret ${literal}`,
    ],
    [
      "a client secret of an application in plain text",
      "several-applications",
      {
        config: {
          applications: [
            { id: "a", origin: "https://a.example.com", provider: { clientId: "a", clientSecret: "plain" } },
          ],
        },
      },
      `config.applications[0].provider.clientSecret ${literal}`,
    ],
    [
      "a master key in plain text",
      "minimal",
      { config: { secretKeys: ["a".repeat(43)] } },
      `config.secretKeys[0] ${literal}`,
    ],
    [
      "master keys in plain text",
      "minimal",
      { config: { secretKeys: "a".repeat(43) } },
      `config.secretKeys ${literal}`,
    ],
    [
      "a Redis password in plain text",
      "minimal",
      { config: { redis: { url: "redis://cloakroom:password@redis:6379" } } },
      `config.redis.url ${literal}`,
    ],
    [
      "a Sentinel password in plain text",
      "minimal",
      { config: { redis: { sentinelPassword: "password" } } },
      `config.redis.sentinelPassword ${literal}`,
    ],
    [
      "an admin token in plain text",
      "minimal",
      { config: { management: { adminToken: "a".repeat(43) } } },
      `config.management.adminToken ${literal}`,
    ],
    [
      "a proxy password in plain text",
      "minimal",
      { config: { outboundProxy: { https: "http://user:password@proxy:3128" } } },
      `config.outboundProxy.https ${literal}`,
    ],
    [
      "an API key in plain text",
      "minimal",
      { config: { upstreams: [{ ...row, headers: { "X-Api-Key": "plain" } }] } },
      `config.upstreams[0].headers.X-Api-Key ${literal}`,
    ],
    [
      "a drain time that is a reference",
      "minimal",
      { config: { drainSeconds: "${DRAIN}" } },
      "config.drainSeconds must be a number",
    ],
    [
      "a rollout that replaces no pod",
      "minimal",
      { rollout: { maxSurge: 0, maxUnavailable: "0%" } },
      "rollout.maxSurge and rollout.maxUnavailable are both 0",
    ],
    [
      "a minimum above the maximum",
      "minimal",
      { autoscaling: { minReplicas: 5 } },
      "autoscaling.minReplicas exceeds autoscaling.maxReplicas",
    ],
    [
      "a variable that the chart sets",
      "minimal",
      { extraEnv: [{ name: "MANAGEMENT_HOST", value: "127.0.0.1" }] },
      "extraEnv sets MANAGEMENT_HOST",
    ],
    ...[
      { provider: { clientSecret: "${FROM_VALUES}" } },
      { secretKeys: ["${FROM_VALUES}"] },
      { management: { adminToken: "alice:${FROM_VALUES}" } },
      { redis: { sentinelPassword: "${FROM_VALUES}" } },
      { redis: { url: "redis://cloakroom:${FROM_VALUES}@redis:6379" } },
      { outboundProxy: { https: "http://user:${FROM_VALUES}@proxy:3128" } },
      { upstreams: [{ ...row, headers: { "X-Api-Key": "${FROM_VALUES}" } }] },
    ].map((config): [string, string, Values, string] => [
      `a variable in plain text for ${JSON.stringify(config)}`,
      "minimal",
      { extraEnv: [{ name: "FROM_VALUES", value: "plain" }], config },
      `extraEnv.FROM_VALUES ${literal}`,
    ]),
    ...[
      ["SECRET_KEYS", "plain"],
      ["OIDC_CLIENT_SECRET", "plain"],
      ["ADMIN_TOKEN", "alice:plain"],
      ["REDIS_URL", "redis://cloakroom:password@redis:6379"],
      ["HTTPS_PROXY", "http://user:password@proxy:3128"],
    ].map(([name = "", value = ""]): [string, string, Values, string] => [
      `the variable ${name} in plain text`,
      "minimal",
      { extraEnv: [{ name, value }] },
      `extraEnv.${name} ${literal}`,
    ]),
    ["a route without a Gateway", "minimal", { gatewayApi: { enabled: true } }, "gatewayApi.parentRefs is empty"],
    ["an Ingress without a class", "minimal", { ingress: { enabled: true } }, "ingress.className is not set"],
    ["forward-auth without a proxy", "forward-auth", { forwardAuth: { proxy: "" } }, "forwardAuth.proxy is not set"],
    ["forward-auth open to all pods", "forward-auth", { forwardAuth: { from: [] } }, "forwardAuth.from is empty"],
    [
      "forward-auth without policies",
      "forward-auth",
      { networkPolicy: { enabled: false } },
      "forwardAuth.enabled needs networkPolicy.enabled",
    ],
    [
      "forward-auth without trusted proxies",
      "forward-auth",
      { config: { trustedProxies: undefined } },
      "forwardAuth.enabled needs config.trustedProxies",
    ],
    [
      "several applications with the built-in Keycloak",
      "several-applications",
      {
        keycloak: {
          enabled: true,
          image: { repository: "keycloak" },
          origin: "https://id.example.com",
          existingSecret: "keycloak",
        },
        config: { provider: undefined },
      },
      "keycloak.enabled and config.applications exclude each other",
    ],
    [
      "an issuer beside the built-in Keycloak",
      "all-in",
      { config: { provider: { issuer: "https://id.example.com" } } },
      "config.provider.issuer is set by keycloak.enabled",
    ],
    [
      "no image of Keycloak",
      "all-in",
      { keycloak: { image: { repository: "" } } },
      "keycloak.image.repository is not set",
    ],
    ["no origin of Keycloak", "all-in", { keycloak: { origin: "" } }, "keycloak.origin is not set"],
    ["no Secret of Keycloak", "all-in", { keycloak: { existingSecret: "" } }, "keycloak.existingSecret is not set"],
    [
      "Keycloak without trusted proxies",
      "all-in",
      { config: { trustedProxies: undefined } },
      "keycloak.enabled needs config.trustedProxies",
    ],
    [
      "no image of the demo's API",
      "all-in",
      { demoApi: { image: { repository: "" } } },
      "demoApi.image.repository is not set",
    ],
    [
      "the demo's API without the built-in Keycloak",
      "minimal",
      { demoApi: { enabled: true, image: { repository: "api" } } },
      "demoApi.enabled needs keycloak.enabled",
    ],
    [
      "backups of a database outside",
      "all-in",
      { keycloak: { database: { host: "db.example.com" } } },
      "backup.enabled needs the built-in PostgreSQL",
    ],
    [
      "backups without a certificate",
      "all-in",
      { backup: { certificateConfigMap: "" } },
      "backup.certificateConfigMap is not set",
    ],
    // By values.schema.json:
    ["a misspelled value", "minimal", { imgae: {} }, "at '': additional properties 'imgae' not allowed"],
    [
      "a misspelled value in a group",
      "minimal",
      { autoscaling: { max: 3 } },
      "at '/autoscaling': additional properties 'max' not allowed",
    ],
    [
      "a misspelled setting",
      "minimal",
      { config: { session: { idleSecond: 60 } } },
      "at '/config/session': additional properties 'idleSecond' not allowed",
    ],
    [
      "a misspelled key of an upstream",
      "minimal",
      { config: { upstreams: [{ ...row, acess: "public" }] } },
      "at '/config/upstreams/0': additional properties 'acess' not allowed",
    ],
    [
      "an upstream without an address",
      "minimal",
      { config: { upstreams: [{ prefix: "/api" }] } },
      "at '/config/upstreams/0': missing property 'baseUrl'",
    ],
    [
      "a word that a setting does not have",
      "minimal",
      { config: { upstreams: [{ ...row, access: "everyone" }] } },
      "at '/config/upstreams/0/access': 'everyone' does not match pattern '^(session|",
    ],
    [
      "a setting of another type",
      "minimal",
      { config: { session: { idleSeconds: true } } },
      "at '/config/session/idleSeconds': got boolean, want",
    ],
    [
      "a listener, which the chart sets",
      "minimal",
      { config: { listen: { port: 80 } } },
      "at '/config': additional properties 'listen' not allowed",
    ],
    [
      "a management address, which the chart sets",
      "minimal",
      { config: { management: { host: "::" } } },
      "at '/config/management': additional properties 'host' not allowed",
    ],
    ["a text for a number", "without-autoscaling", { replicas: "two" }, "at '/replicas': got string, want integer"],
    ["no pods", "without-autoscaling", { replicas: 0 }, "at '/replicas': minimum: got 0, want 1"],
    [
      "an image name with a scheme",
      "minimal",
      { image: { repository: "https://registry.example.com/x" } },
      "at '/image/repository': 'https://registry.example.com/x' does not match pattern",
    ],
    [
      "a digest that is none",
      "minimal",
      { image: { digest: "latest" } },
      "at '/image/digest': 'latest' does not match pattern",
    ],
    [
      "an unknown proxy",
      "forward-auth",
      { forwardAuth: { proxy: "haproxy" } },
      "at '/forwardAuth/proxy': value must be one of",
    ],
    [
      "an origin of Keycloak with a path",
      "all-in",
      { keycloak: { origin: "https://id.example.com/auth" } },
      "at '/keycloak/origin': 'https://id.example.com/auth' does not match pattern",
    ],
  ])("values with %s are rejected with one sentence", (_what, name, patch, sentence) => {
    const { text, stderr } = render(merged(exampleValues(name), patch));
    const findings = stderr.split("\n").filter((line) => /^\s*- /.test(line));
    expect([text, findings]).toEqual(["", [expect.stringContaining(sentence)]]);
  });

  it("all missing values are reported at once", () => {
    const { stderr } = render({});
    expect(stderr.split("\n").filter((line) => line.startsWith("- "))).toHaveLength(5);
  });
});

describe("the rendered configuration", () => {
  /** Content of the files in /secrets. */
  const contents: Record<string, string> = {
    secret_keys: randomBytes(32).toString("base64url"),
    redis_url: "redis://cloakroom:0123456789abcdef0123456789abcdef@cloakroom-redis:6379/0",
    "ca.crt": testAuthority().cert,
    "client_key.pem": generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    }).privateKey,
  };

  /** Of single examples. */
  const SECRETS: Record<string, Record<string, string>> = {
    "existing-services": { redis_url: "rediss+sentinel://cloakroom:password@sentinel-0.redis:26379/mymaster?db=0" },
  };

  /** Runs `cloakroom check` as the container would, with its environment. */
  function check(manifests: readonly Manifest[], secrets: Record<string, string> = {}) {
    const folder = mkdtempSync(join(scratch, "check-"));
    mkdirSync(join(folder, "spa"));
    writeFileSync(join(folder, "spa", "index.html"), "<!doctype html><title>App</title>");
    const text = find(manifests, "ConfigMap").data!["cloakroom.yaml"]!;
    for (const [, name = ""] of text.matchAll(/\/secrets\/([\w.-]+)/g))
      writeFileSync(join(folder, name), { ...contents, ...secrets }[name] ?? randomBytes(24).toString("base64url"));
    const file = join(folder, "cloakroom.yaml");
    writeFileSync(file, text.replaceAll("/secrets/", `${folder}/`).replaceAll("/srv/spa", join(folder, "spa")));
    const env = Object.fromEntries(
      gatewayOf(manifests).env!.map(({ name, value }) => [name, value ?? randomBytes(32).toString("base64")]),
    );
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", join(ROOT, "bff", "bin", "cloakroom.mjs"), "check"],
      { env: { PATH: process.env["PATH"] ?? "", ...env, CLOAKROOM_CONFIG: file }, encoding: "utf8" },
    );
    return { status, output: stdout + stderr };
  }

  it.each(EXAMPLES)("the configuration of the example %s passes cloakroom check", (name) => {
    const { status, output } = check(example(name), SECRETS[name]);
    expect([status, output]).toEqual([0, expect.stringContaining("The configuration is valid.")]);
  });

  it("a configuration that the gateway rejects fails the check", () => {
    const values = merged(exampleValues("minimal"), { config: { session: { idleSeconds: 99_999 } } });
    expect(check(manifestsOf(values)).output).toContain("session.idleSeconds");
  });

  it.each(EXAMPLES)("no ConfigMap and no variable of the example %s contains a secret", (name) => {
    const secretNames = /PASSWORD|SECRET|KEYS|REDIS_URL|TOKEN/;
    for (const { data } of ofKind(example(name), "ConfigMap")) {
      const text = data?.["cloakroom.yaml"];
      if (text === undefined) continue;
      const places = /^\s*(?:- )?(?:clientSecret|adminToken|sentinelPassword|url|secretKeys):.*$/gm;
      for (const [line] of text.matchAll(places)) expect(line).toMatch(/:\s*$|: https:|: \$\{\w+\}$/);
    }
    for (const { pod } of workloadsOf(example(name)))
      for (const { env = [] } of pod.containers)
        for (const { name: variable, value } of env)
          if (secretNames.test(variable))
            expect([variable, value]).toEqual([variable, value?.startsWith("/secrets/") ? value : undefined]);
    expect(ofKind(example(name), "Secret")).toEqual([]);
  });

  it("large numbers are written in the notation that the gateway accepts", () => {
    const text = find(example("existing-services"), "ConfigMap").data!["cloakroom.yaml"]!;
    expect(text).toContain("maxAgeSeconds: 63072000");
  });

  it("defaults of the chart do not replace values, also not 0", () => {
    const text = find(example("without-autoscaling"), "ConfigMap").data!["cloakroom.yaml"]!;
    const { drainSeconds, provider } = parse(text) as { drainSeconds: number; provider: object };
    expect(drainSeconds).toBe(0);
    expect(provider).not.toHaveProperty("clientSecret");
  });

  /** Configuration hash of the pods' annotation, after a change. */
  const restartHash = (config: Values) =>
    templateOf(find(manifestsOf(merged(exampleValues("minimal"), { config })), "Deployment"))!.metadata.annotations;
  it.each<[boolean, string, Values]>([
    [false, "upstreams", { upstreams: [{ prefix: "/other", baseUrl: "http://other:8000" }] }],
    [false, "provider", { provider: { timeoutSeconds: 9 } }],
    [false, "session", { session: { idleSeconds: 60 } }],
    [false, "pages", { pages: { url: "https://cdn.example.com/" } }],
    [true, "redis", { redis: { timeoutMs: 500 } }],
    [true, "secretKeys", { secretKeys: [{ file: "/secrets/new" }, { file: "/secrets/secret_keys" }] }],
    [true, "limits", { limits: { connections: 1000 } }],
    [true, "trustedProxies", { trustedProxies: ["10.0.0.0/8"] }],
    [true, "workers", { workers: 2 }],
    [true, "drainSeconds", { drainSeconds: 25 }],
    [true, "log", { log: { level: "debug" } }],
    [true, "management", { management: { adminToken: { file: "/secrets/admin_token" } } }],
  ])("a rollout is %s after a change of %s", (isRollout, _what, config) => {
    const isChanged =
      restartHash(config)!["checksum/process-settings"] !== restartHash({})!["checksum/process-settings"];
    expect(isChanged).toBe(isRollout);
  });

  it("the configuration is mounted as a folder, because a file of a subPath never changes", () => {
    const { volumeMounts = [] } = gatewayOf(example("minimal"));
    const mount = volumeMounts.find(({ name }) => name === "configuration");
    expect(mount).toEqual({ name: "configuration", mountPath: "/etc/cloakroom", readOnly: true });
  });
});

describe.each(EXAMPLES)("every workload of the example %s", (name) => {
  it(`every workload of ${name} runs as non-root, without capabilities, on a read-only file system`, () => {
    for (const { name: workload, pod } of workloadsOf(example(name))) {
      expect([workload, pod.securityContext]).toEqual([
        workload,
        expect.objectContaining({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } }),
      ]);
      expect(pod.securityContext?.["runAsUser"]).toBeGreaterThan(0);
      for (const { securityContext } of pod.containers)
        expect([workload, securityContext]).toEqual([
          workload,
          { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
        ]);
      expect([workload, pod.automountServiceAccountToken, pod.enableServiceLinks]).toEqual([workload, false, false]);
    }
  });

  it(`every workload of ${name} has CPU and memory requests and a memory limit`, () => {
    for (const { name: workload, pod } of workloadsOf(example(name)))
      for (const { resources } of pod.containers) {
        expect([workload, Object.keys(resources?.requests ?? {}).sort()]).toEqual([workload, ["cpu", "memory"]]);
        expect(Object.keys(resources?.limits ?? {})).toEqual(["memory"]);
      }
  });

  it(`every workload of ${name} mounts secrets read-only with mode 0440`, () => {
    for (const { name: workload, pod } of workloadsOf(example(name))) {
      const secrets = (pod.volumes ?? []).filter(({ secret, projected }) => secret ?? projected);
      for (const { name: volume, secret, projected } of secrets) {
        expect([workload, (secret ?? projected)!.defaultMode]).toEqual([workload, 0o440]);
        const mounts = pod.containers.flatMap(({ volumeMounts = [] }) => volumeMounts.filter((m) => m.name === volume));
        expect([workload, mounts.map(({ readOnly }) => readOnly)]).toEqual([workload, [true]]);
      }
    }
  });

  it(`every image of ${name} is pinned to a version or digest`, () => {
    for (const { pod } of workloadsOf(example(name)))
      for (const { image } of pod.containers) expect(image).toMatch(/:\d[\w.-]*$|@sha256:[a-f0-9]{64}$/);
  });

  it(`every selector of ${name} matches pods and every port is named`, () => {
    const manifests = example(name);
    const workloads = workloadsOf(manifests);
    const matching = (selector: Record<string, string>) =>
      workloads.filter(({ template }) => expect.objectContaining(selector).asymmetricMatch(template.metadata.labels));
    for (const { manifest, template } of workloads) {
      const { selector } = (manifest.spec ?? {}) as { selector?: { matchLabels: object } };
      if (selector !== undefined) expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    }
    for (const { metadata, spec } of ofKind(manifests, "Service")) {
      const { selector, ports } = spec as { selector: Record<string, string>; ports: { targetPort: string }[] };
      const found = matching(selector);
      expect([metadata.name, found.length]).toEqual([metadata.name, 1]);
      const named = found[0]!.pod.containers.flatMap((container) => (container.ports ?? []).map((port) => port.name));
      for (const { targetPort } of ports)
        expect([metadata.name, named]).toEqual([metadata.name, expect.arrayContaining([targetPort])]);
    }
    for (const kind of ["PodDisruptionBudget", "NetworkPolicy", "PodMonitor"])
      for (const { metadata, spec } of ofKind(manifests, kind)) {
        const { matchLabels } = (spec.selector ?? spec.podSelector) as { matchLabels: Record<string, string> };
        expect([kind, metadata.name, matching(matchLabels).length]).not.toEqual([kind, metadata.name, 0]);
      }
  });

  it(`no Service, route or Ingress of ${name} exposes a management listener`, () => {
    const manifests = example(name);
    for (const { spec } of ofKind(manifests, "Service"))
      for (const { targetPort } of spec.ports as { targetPort: string }[]) expect(targetPort).not.toBe("management");
    for (const { spec } of ofKind(manifests, "HTTPRoute"))
      for (const { backendRefs = [] } of spec.rules as { backendRefs?: { name: string; port: number }[] }[])
        for (const { name: service, port } of backendRefs) {
          const { ports } = find(manifests, "Service", service).spec as { ports: { port: number; name: string }[] };
          expect(ports.find((each) => each.port === port)?.name).toBe("http");
        }
    for (const { spec } of ofKind(manifests, "Ingress"))
      for (const { http } of spec.rules as { http: { paths: { backend: unknown }[] } }[])
        for (const { backend } of http.paths) expect(backend).toMatchObject({ service: { port: { name: "http" } } });
  });

  it(`every internal address of ${name} is a Service with that port`, () => {
    const manifests = example(name);
    const services = new Map(
      ofKind(manifests, "Service").map(({ metadata, spec }) => [
        metadata.name,
        (spec.ports as { port: number }[]).map(({ port }) => port),
      ]),
    );
    const texts = [
      ...workloadsOf(manifests).flatMap(({ pod }) =>
        pod.containers.flatMap(({ env = [] }) => env.map((e) => e.value ?? "")),
      ),
      find(manifests, "ConfigMap").data!["cloakroom.yaml"]!,
    ];
    for (const text of texts)
      for (const [, host = "", port = ""] of text.matchAll(/\/\/(cloakroom(?:-[a-z-]+)?):(\d+)\b/g))
        expect([host, services.get(host)]).toEqual([host, [Number(port)]]);
  });

  it(`the routes of ${name} have the host names of the applications`, () => {
    const manifests = example(name);
    const config = parse(find(manifests, "ConfigMap").data!["cloakroom.yaml"]!) as {
      origin?: string;
      applications?: { origin: string }[];
    };
    const hosts = (config.applications ?? [{ origin: config.origin! }]).map(({ origin }) => new URL(origin).hostname);
    for (const { metadata, spec } of ofKind(manifests, "HTTPRoute"))
      if (metadata.name === "cloakroom") expect(spec.hostnames).toEqual(hosts);
    for (const { metadata, spec } of ofKind(manifests, "Ingress"))
      if (metadata.name === "cloakroom") {
        expect((spec.rules as { host: string }[]).map(({ host }) => host)).toEqual(hosts);
        expect(spec.tls[0].hosts).toEqual(hosts);
      }
  });

  it(`the pods of ${name} have a grace period that covers a full drain`, () => {
    const manifests = example(name);
    const config = parse(find(manifests, "ConfigMap").data!["cloakroom.yaml"]!) as {
      drainSeconds: number;
      provider: { timeoutSeconds?: number };
    };
    const { terminationGracePeriodSeconds, containers } = templateOf(find(manifests, "Deployment"))!.spec;
    const timeoutSeconds = config.provider.timeoutSeconds ?? Number(SETTINGS.OIDC_TIMEOUT_SECONDS.default);
    const preStopSeconds = containers[0]!.lifecycle!.preStop!.sleep!.seconds;
    expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
      preStopSeconds + config.drainSeconds + timeoutSeconds + 5,
    );
  });
});

describe("network policies", () => {
  const component = ({ podSelector }: Peer) => podSelector?.matchLabels?.[COMPONENT];

  /** Connections between components, as one direction of the policies describes them. */
  function connections(manifests: readonly Manifest[], direction: "ingress" | "egress"): string[] {
    return ofKind(manifests, "NetworkPolicy").flatMap(({ spec }) => {
      const self = (spec.podSelector as { matchLabels: Record<string, string> }).matchLabels[COMPONENT];
      return ((spec[direction] ?? []) as PolicyRule[]).flatMap(({ from, to, ports }) =>
        (from ?? to ?? []).flatMap((peer) =>
          ports.flatMap(({ port }) => {
            const other = component(peer);
            if (other === undefined) return [];
            return [direction === "ingress" ? `${other} → ${self}:${port}` : `${self} → ${other}:${port}`];
          }),
        ),
      );
    });
  }

  it.each<[what: string, config: object, ports: number[]]>([
    ["an existing Redis with TLS", { redis: { url: "rediss://u:${PASSWORD}@redis.data:6380/2" } }, [6379, 6380]],
    ["a Redis without a port", { redis: { url: "rediss://redis.data" } }, [6379]],
    ["Sentinels", { redis: { url: "redis+sentinel://u:${P}@a.data,b.data:26380/main?db=0" } }, [6379, 26379, 26380]],
    ["a Redis Cluster", { redis: { url: "redis+cluster://[fd00::1]:7000,[fd00::2]:7001" } }, [6379, 7000, 7001]],
    [
      "a password with the characters of a URL",
      { redis: { url: "redis://u:${A}/b?c#d@redis.data:6390" } },
      [6379, 6390],
    ],
    ["a Redis whose address is a reference", { redis: { url: "${REDIS_URL}" } }, [6379]],
    ["a host that is a reference", { upstreams: [{ prefix: "/api", baseUrl: "http://${HOST}:8001/x" }] }, [6379, 8001]],
    ["a port that is a reference", { upstreams: [{ prefix: "/api", baseUrl: "http://orders:${P:-81}" }] }, [80, 6379]],
  ])("the gateway may connect to the ports of %s", (_what, config, ports) => {
    const manifests = manifestsOf(merged(exampleValues("minimal"), { config: { upstreams: [], ...config } }));
    const { egress } = find(manifests, "NetworkPolicy", "cloakroom-gateway").spec as { egress: PolicyRule[] };
    const allowed = egress.flatMap((rule) => rule.ports.map(({ port }) => port));
    // 443 is the provider's.
    expect(allowed.filter((port) => port !== 443).sort((a, b) => a - b)).toEqual(ports);
  });

  it("egress and ingress policies allow the same connections, and everything else is denied", () => {
    const manifests = example("all-in");
    const expected = [
      "backup → postgresql:5432",
      "demo-api → keycloak:8080",
      "gateway → demo-api:8000",
      "gateway → keycloak:8080",
      "gateway → redis:6379",
      "keycloak → gateway:3000",
      "keycloak → keycloak:57800",
      "keycloak → keycloak:7800",
      "keycloak → postgresql:5432",
      "test → gateway:3000",
    ];
    expect(connections(manifests, "egress").sort()).toEqual(expected);
    expect(connections(manifests, "ingress").sort()).toEqual(expected);
    const { spec } = find(manifests, "NetworkPolicy", "cloakroom-default-deny");
    expect(spec).toEqual({
      podSelector: {
        matchLabels: { "app.kubernetes.io/instance": "cloakroom", "app.kubernetes.io/name": "cloakroom" },
      },
      policyTypes: ["Ingress", "Egress"],
    });
    for (const { template } of workloadsOf(manifests))
      expect(template.metadata.labels).toMatchObject(spec.podSelector.matchLabels);
  });

  const egressPorts = (manifests: readonly Manifest[], isExternal: (rule: PolicyRule) => boolean) =>
    (find(manifests, "NetworkPolicy", "cloakroom-gateway").spec.egress as PolicyRule[])
      .filter(isExternal)
      .flatMap(({ ports }) => ports.map(({ port }) => port))
      .sort((a, b) => a - b);
  const hasNoComponent = ({ to = [] }: PolicyRule) => to.every((peer) => component(peer) === undefined);

  it.each<[string, number[]]>([
    ["minimal", [443, 6379, 8000]],
    ["all-in", []],
    ["existing-services", [6379, 8443, 26379]],
    ["several-applications", [443, 8000, 8080]],
    ["forward-auth", [443, 6379, 8000]],
  ])("the gateway of %s reaches exactly the ports outside that its configuration names: %j", (name, ports) => {
    expect(egressPorts(example(name), hasNoComponent)).toEqual(ports);
  });

  it("DNS is allowed for every pod", () => {
    const { spec } = find(example("minimal"), "NetworkPolicy", "cloakroom-dns");
    expect(spec.podSelector.matchLabels).not.toHaveProperty(COMPONENT);
    expect(spec.egress[0].ports).toEqual([
      { port: 53, protocol: "UDP" },
      { port: 53, protocol: "TCP" },
    ]);
  });

  it("link-local addresses, such as a cloud's metadata service, are not reachable", () => {
    const { egress } = find(example("minimal"), "NetworkPolicy", "cloakroom-gateway").spec as { egress: PolicyRule[] };
    const blocks = egress.flatMap(({ to = [] }) => to.flatMap(({ ipBlock }) => ipBlock ?? []));
    // Redis, and the provider with the upstreams.
    expect(blocks).toEqual(
      [1, 2].flatMap(() => [
        { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] },
        { cidr: "::/0", except: ["fd00:ec2::/32", "fe80::/10"] },
      ]),
    );
  });

  it("the management listener is closed unless monitoringFrom names peers", () => {
    const portsOf = (name: string) =>
      (find(example(name), "NetworkPolicy", "cloakroom-gateway").spec.ingress as PolicyRule[]).flatMap(({ ports }) =>
        ports.map(({ port }) => port),
      );
    expect(portsOf("minimal")).toEqual([3000]);
    expect(portsOf("all-in")).toEqual([3000, 9000]);
  });

  it("the forward-auth listener admits the proxy's pods only", () => {
    const rules = find(example("forward-auth"), "NetworkPolicy", "cloakroom-gateway").spec.ingress as PolicyRule[];
    const rule = rules.find(({ ports }) => ports.some(({ port }) => port === 9001));
    expect(rule?.from).toEqual((exampleValues("forward-auth")["forwardAuth"] as { from: Peer[] }).from);
    expect(gatewayOf(example("forward-auth")).env).toContainEqual({
      name: "FORWARD_AUTH_LISTEN",
      value: "network:0.0.0.0:9001",
    });
  });
});

describe("scheduling", () => {
  const millicores = (quantity = "0") => (quantity.endsWith("m") ? parseInt(quantity, 10) : Number(quantity) * 1000);
  const cpuOf = ({ pod }: Workload) =>
    pod.containers.reduce((sum, { resources }) => sum + millicores(resources?.requests?.["cpu"]), 0);
  const amount = (value: number | string, pods: number, round: (n: number) => number) =>
    typeof value === "number" ? value : round((parseInt(value, 10) / 100) * pods);

  it("a rollout of the complete system fits on a node with 2 CPUs, or may remove a pod first", () => {
    const manifests = example("all-in");
    const { minReplicas, maxReplicas } = find(manifests, "HorizontalPodAutoscaler").spec as Record<string, number>;
    const workloads = workloadsOf(manifests);
    for (let pods = minReplicas!; pods <= maxReplicas!; pods += 1) {
      const total = workloads.reduce((sum, workload) => {
        const { kind, spec, metadata } = workload.manifest;
        const replicas = metadata.name === "cloakroom" ? pods : ((spec.replicas as number | undefined) ?? 1);
        const { maxSurge = 0 } = (kind === "Deployment" ? spec.strategy.rollingUpdate : {}) as {
          maxSurge?: number | string;
        };
        return sum + cpuOf(workload) * (replicas + amount(maxSurge, replicas, Math.ceil));
      }, 0);
      const { maxUnavailable } = find(manifests, "Deployment").spec.strategy.rollingUpdate as {
        maxUnavailable: string;
      };
      const mayRemoveFirst = amount(maxUnavailable, pods, Math.floor) > 0;
      expect([pods, mayRemoveFirst || total <= FREE_MILLICORES, total]).toEqual([pods, true, total]);
      expect(amount(maxUnavailable, pods, Math.floor)).toBeLessThan(pods);
    }
  });

  it("Redis and PostgreSQL preempt gateways, and nothing of Kubernetes' own pods", () => {
    const manifests = example("all-in");
    const [created] = ofKind(manifests, "PriorityClass");
    expect(created?.value).toBeGreaterThan(0);
    expect(created?.value).toBeLessThan(1_000_000_000);
    const classes = Object.fromEntries(
      workloadsOf(manifests).map(({ component, pod }) => [component, pod.priorityClassName]),
    );
    expect(classes).toMatchObject({
      redis: created?.metadata.name,
      postgresql: created?.metadata.name,
      gateway: undefined,
    });
  });

  it("an existing PriorityClass is used by its name", () => {
    const manifests = example("without-autoscaling");
    expect(ofKind(manifests, "PriorityClass")).toEqual([]);
    expect(templateOf(find(manifests, "StatefulSet", "cloakroom-redis"))?.spec.priorityClassName).toBe("important");
  });

  it("the autoscaler owns the number of pods and scales by an absolute amount of CPU below one core", () => {
    const manifests = example("minimal");
    expect(find(manifests, "Deployment").spec).not.toHaveProperty("replicas");
    const { spec } = find(manifests, "HorizontalPodAutoscaler");
    expect(spec).toMatchObject({ scaleTargetRef: { kind: "Deployment", name: "cloakroom" }, minReplicas: 2 });
    const { containerResource } = spec.metrics[0] as {
      containerResource: { container: string; target: { averageValue: string } };
    };
    expect(containerResource.container).toBe(gatewayOf(manifests).name);
    expect(millicores(containerResource.target.averageValue)).toBeLessThan(1000);
    expect(find(manifests, "PodDisruptionBudget").spec.maxUnavailable).toBe(1);
    expect(find(example("without-autoscaling"), "Deployment").spec.replicas).toBe(3);
  });
});

describe("programs", () => {
  it("probes use paths that the programs serve", () => {
    const source = (file: string) => readFileSync(join(ROOT, file), "utf8");
    const servesPath: Record<string, (path: string) => boolean> = {
      gateway: (path) => source("bff/src/management/management-server.ts").includes(`case "${path}"`),
      "demo-api": (path) => source("demo/src/api/public-routes.ts").includes(`router.get("${path}"`),
      keycloak: (path) => ["/health/started", "/health/live", "/health/ready"].includes(path),
    };
    const workloads = workloadsOf(example("all-in"));
    for (const [component, serves] of Object.entries(servesPath)) {
      const { pod } = workloads.find((each) => each.component === component)!;
      const { startupProbe, livenessProbe, readinessProbe, ports = [] } = pod.containers[0]!;
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
        const { path = "", port } = probe?.httpGet ?? {};
        expect([component, path, serves(path)]).toEqual([component, path, true]);
        expect(ports.map((each) => each.name)).toContain(port);
        if (component === "gateway") expect(port).toBe("management");
      }
    }
  });

  it("the gateway's variables are settings", () => {
    const known = [...Object.keys(SETTINGS), "CLOAKROOM_CONFIG", "NODE_ENV"];
    for (const { name } of gatewayOf(example("forward-auth")).env ?? []) expect(known).toContain(name);
  });

  it("the listeners of an IPv6 cluster listen on ::", () => {
    const values = merged(exampleValues("forward-auth"), { listenAddress: "::" });
    const env = Object.fromEntries(gatewayOf(manifestsOf(values)).env!.map(({ name, value }) => [name, value]));
    expect(env).toMatchObject({ HOST: "::", MANAGEMENT_HOST: "::", FORWARD_AUTH_LISTEN: "network:[::]:9001" });
  });

  it("Redis and Keycloak receive one key of the gateway's Secret each", () => {
    const volumesOf = (component: string) =>
      workloadsOf(example("all-in")).find((each) => each.component === component)!.pod.volumes!;
    expect(volumesOf("redis").find(({ name }) => name === "secrets")?.secret).toMatchObject({
      secretName: "cloakroom",
      items: [{ key: "redis_url", path: "redis_url" }],
    });
    const { sources } = volumesOf("keycloak").find(({ name }) => name === "secrets")!.projected!;
    expect(sources.find(({ secret }) => secret.name === "cloakroom")?.secret.items).toEqual([
      { key: "client_secret", path: "client_secret" },
    ]);
    expect(volumesOf("postgresql").find(({ name }) => name === "secrets")?.secret?.items).toEqual([
      { key: "database_password", path: "password" },
    ]);
  });

  it("Keycloak's start script finds every secret and variable that it reads", () => {
    const script = readFileSync(join(ROOT, "deploy", "keycloak", "start.sh"), "utf8");
    const { pod } = workloadsOf(example("all-in")).find((each) => each.component === "keycloak")!;
    const files = pod.volumes!.flatMap(
      ({ projected }) => projected?.sources.flatMap(({ secret }) => secret.items ?? []) ?? [],
    );
    const read = [...script.matchAll(/\$\(secret (\w+)\)/g)].map(([, name = ""]) => name);
    expect(files.map(({ path }) => path).sort()).toEqual(read.sort());
    const names = pod.containers[0]!.env!.map(({ name }) => name);
    for (const name of ["CLOAKROOM_ORIGIN", "CLOAKROOM_BACKCHANNEL_ORIGIN", "KC_HOSTNAME"])
      expect(names).toContain(name);
  });

  it("the built-in Redis limits the gateway to its applications", () => {
    const idsOf = (name: string) =>
      templateOf(find(example(name), "StatefulSet", "cloakroom-redis"))!.spec.containers[0]!.env!.find(
        (each) => each.name === "APPLICATION_IDS",
      )?.value;
    expect(idsOf("all-in")).toBe("demo");
    expect(idsOf("several-applications")).toBe("shop back-office");
  });

  it("scripts in ConfigMaps are unchanged", () => {
    const hash = (text = "") => createHash("sha256").update(text).digest("hex");
    const { data: redis } = find(example("all-in"), "ConfigMap", "cloakroom-redis");
    const { data: backup } = find(example("all-in"), "ConfigMap", "cloakroom-backup");
    for (const [file, content] of Object.entries({
      "redis.conf": redis?.["redis.conf"],
      "redis-start.sh": redis?.["start.sh"],
      "backup.sh": backup?.["backup.sh"],
    }))
      expect([file, hash(content?.trim())]).toEqual([
        file,
        hash(readFileSync(join(CHART, "files", file), "utf8").trim()),
      ]);
    const test = find(example("all-in"), "Pod", "cloakroom-test");
    expect((test.spec as PodSpec).containers[0]?.command).toEqual([
      "/usr/local/bin/node",
      "-e",
      readFileSync(join(CHART, "files", "test.cjs"), "utf8"),
    ]);
  });

  it("backup.sh finds the folder of each service that it stores", () => {
    const script = readFileSync(join(CHART, "files", "backup.sh"), "utf8");
    const stored = /--directory="\$secrets" ([\w ]+)$/m.exec(script)?.[1]?.split(" ");
    const { pod } = workloadsOf(example("all-in")).find((each) => each.component === "backup")!;
    const mounted = pod.containers[0]!.volumeMounts!.flatMap(
      ({ mountPath }) => /^\/secrets\/(\w+)$/.exec(mountPath)?.[1] ?? [],
    );
    expect(mounted.sort()).toEqual(stored?.sort());
  });

  it("the PrometheusRule keeps the templates of the alerts", () => {
    const { spec } = find(example("all-in"), "PrometheusRule");
    expect(spec).toEqual(parse(readFileSync(join(CHART, "files", "alerts.yaml"), "utf8")));
    expect(JSON.stringify(spec)).toContain("{{ $labels.dependency }}");
  });
});

describe("documents", () => {
  const guide = readFileSync(join(ROOT, "docs", "guides", "kubernetes.md"), "utf8");
  const blocks = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
  const needsCluster = /kubectl|docker|helm (-n|upgrade)|openssl cms/;
  const isCheck = (block: string): boolean => block.includes("cloakroom check");

  it("the commands of kubernetes.md that need no cluster succeed, and Redis accepts the URL that they create", () => {
    const folder = mkdtempSync(join(scratch, "guide-"));
    for (const name of ["deploy", "node_modules"]) symlinkSync(join(ROOT, name), join(folder, name));
    const path = `${join(HELM!, "..")}:${process.env["PATH"]}`;
    const run = (script: readonly string[]) =>
      spawnSync("bash", ["-euo", "pipefail", "-c", script.join("\n")], {
        // With a socket as standard input bash reads the start files of a remote shell.
        stdio: ["ignore", "pipe", "pipe"],
        cwd: folder,
        env: { PATH: path, HOME: folder },
        encoding: "utf8",
      });
    const script = blocks.filter((block) => !needsCluster.test(block));
    expect(script.length).toBeGreaterThanOrEqual(4);
    const { status, stderr } = run(script.filter((block) => !isCheck(block)));
    expect([status, stderr]).toEqual([0, ""]);
    const faults = run(script.filter(isCheck)).stderr.trim().split("\n");
    expect(faults.map((line) => /ENOENT|settings are wrong/.exec(line)?.[0])).toEqual([
      ...["ENOENT", "ENOENT", "ENOENT", "settings are wrong"],
    ]);
    writeFileSync(join(folder, "redis-server"), "#!/bin/sh\n", { mode: 0o755 });
    const started = spawnSync("sh", [join(CHART, "files", "redis-start.sh")], {
      env: {
        PATH: `${folder}:${path}`,
        REDIS_URL_FILE: join(folder, "secrets/gateway/redis_url"),
        ACL_FOLDER: folder,
        APPLICATION_IDS: "demo",
      },
      encoding: "utf8",
    });
    expect([started.status, started.stderr]).toEqual([0, ""]);
  });

  it("the values in the chart's README render", () => {
    const [, values = ""] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(CHART, "README.md"), "utf8")) ?? [];
    expect(manifestsOf(parse(values) as Values).length).toBeGreaterThan(5);
  });

  it("NOTES.txt names the URLs to register and what is missing", () => {
    const notes = (name: string) =>
      helm("install", "cloakroom", CHART, "-n", "cloakroom", "--dry-run=client", "-f", exampleFile(name)).stdout.split(
        "NOTES:",
      )[1] ?? "";
    const minimal = notes("minimal");
    for (const text of ["https://app.example.com/bff/callback", "There is no route yet", "networkPolicy.from is empty"])
      expect(minimal).toContain(text);
    const complete = notes("all-in");
    expect(complete).not.toContain("There is no route yet");
    expect(complete).toContain("{{ .data.alice_password | base64decode }}");
    for (const text of [minimal, complete]) expect(text).not.toMatch(/\n\n\n|%!|<no value>|map\[/);
  });
});
