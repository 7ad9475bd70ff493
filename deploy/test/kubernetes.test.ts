// Static checks of the Kubernetes manifests: rendered, validated against Kubernetes' schema and compared with the
// programs that they start. No cluster is needed.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadConfig } from "@cloakroom/gateway/src/config/config.ts";
import { SETTINGS } from "@cloakroom/gateway/src/config/settings.ts";
import { bin, ROOT } from "@cloakroom/testkit/bin.ts";
import { KEYCLOAK_VERSION } from "@cloakroom/testkit/keycloak/version.ts";
import { generateSecrets } from "../compose/secrets.ts";
import {
  baseManifests,
  exampleSettings,
  renderedExample,
  templateOf,
  type Container,
  type Manifest,
} from "./manifests.ts";

const base = baseManifests();
const rendered = renderedExample();
const find = (kind: string, name: string): Manifest => {
  const found = base.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
};
const workloads = base.flatMap((manifest) => {
  const template = templateOf(manifest);
  return template === undefined ? [] : [{ name: manifest.metadata.name, manifest, template, pod: template.spec }];
});
const containerOf = (name: string): Container => workloads.find((each) => each.name === name)!.pod.containers[0]!;
const LABEL = "app.kubernetes.io/name";

/** Inside node_modules, so that tsc resolves packages. */
const cache = join(ROOT, "node_modules", ".cache");
mkdirSync(cache, { recursive: true });
const scratch = mkdtempSync(join(cache, "manifests-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Type-checks manifests with tsc, which rejects unknown fields; Kubernetes' JSON schemas allow them. */
function typeErrorsOf(manifests: readonly Manifest[]): string {
  const lines = manifests.map((manifest, index) => {
    const group = manifest.apiVersion.includes("/") ? manifest.apiVersion : "v1";
    const type = `import("kubernetes-models/${group}/${manifest.kind}").I${manifest.kind}`;
    return `export const manifest${index}: ${type} = ${JSON.stringify(manifest)};`;
  });
  writeFileSync(join(scratch, "manifests.ts"), lines.join("\n"));
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2024"];
  const { stdout } = spawnSync(bin("tsc"), [...options, "--ignoreConfig", "manifests.ts"], {
    cwd: scratch,
    encoding: "utf8",
  });
  return stdout;
}

async function schemaErrorOf({ apiVersion, kind, ...rest }: Manifest): Promise<unknown> {
  const group = apiVersion.includes("/") ? apiVersion : "v1";
  const models = (await import(/* @vite-ignore */ `kubernetes-models/${group}/${kind}`)) as Record<
    string,
    new (value: object) => { validate: () => void }
  >;
  try {
    new models[kind]!(rest).validate();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("Kubernetes manifests", () => {
  it("Kubernetes manifests contain only fields that Kubernetes knows", () => expect(typeErrorsOf(base)).toBe(""));

  it("Kubernetes manifests pass Kubernetes' JSON schema", async () => {
    for (const manifest of base)
      expect([manifest.kind, manifest.metadata.name, await schemaErrorOf(manifest)]).toEqual([
        manifest.kind,
        manifest.metadata.name,
        undefined,
      ]);
  });

  it("Kubernetes manifests are rejected with a misspelled field or a wrong value", async () => {
    const misspelled = structuredClone(find("Deployment", "gateway"));
    misspelled.spec.template.spec.terminationGracePeriod = 45;
    expect(typeErrorsOf([misspelled])).toContain("terminationGracePeriod");
    const wrong = structuredClone(find("Deployment", "gateway"));
    wrong.spec.template.spec.containers[0].ports[0].containerPort = "three thousand";
    expect(await schemaErrorOf(wrong)).toBeDefined();
  });
});

describe("every workload", () => {
  it.each(workloads)(
    "the workload $name runs as non-root, without capabilities, on a read-only file system",
    ({ pod }) => {
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      expect(pod.securityContext?.["runAsUser"]).toBeGreaterThan(0);
      for (const { securityContext } of pod.containers)
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
    },
  );

  it.each(workloads)("the workload $name has no service account token and no service link variables", ({ pod }) => {
    expect([pod.automountServiceAccountToken, pod.enableServiceLinks]).toEqual([false, false]);
  });

  it.each(workloads)("the workload $name has CPU and memory requests and a memory limit", ({ pod }) => {
    for (const { resources } of pod.containers) {
      expect(Object.keys(resources?.requests ?? {}).sort()).toEqual(["cpu", "memory"]);
      expect(resources?.limits).toHaveProperty("memory");
    }
  });

  it.each(workloads)("the workload $name reads secrets from files with mode 0440", ({ pod }) => {
    const secretNames = /PASSWORD|SECRET|KEYS|REDIS_URL|TOKEN/;
    for (const { env = [] } of pod.containers)
      for (const { name, value, valueFrom } of env) {
        expect(valueFrom ?? {}).not.toHaveProperty("secretKeyRef");
        if (secretNames.test(name)) expect([name, value]).toEqual([name, expect.stringMatching(/^\/secrets\//)]);
      }
    for (const { secret } of pod.volumes ?? []) if (secret !== undefined) expect(secret.defaultMode).toBe(0o440);
  });

  it.each(workloads)("the workload $name mounts only generated secrets, and its own one", ({ name, pod }) => {
    const generated = new Set<string>(generateSecrets().map(({ reader }) => reader));
    const mounted = (pod.volumes ?? []).flatMap(({ secret }) => (secret === undefined ? [] : [secret.secretName]));
    for (const secret of mounted) expect(generated).toContain(secret);
    if (generated.has(name)) expect(mounted).toEqual([name]);
  });

  it.each(workloads)("the workload $name matches its own selector", ({ manifest, template }) => {
    const selector = (manifest.spec as { selector?: { matchLabels: object } }).selector;
    if (selector !== undefined) expect(template.metadata.labels).toMatchObject(selector.matchLabels);
  });
});

describe("references between manifests", () => {
  const pods = workloads.map(({ template }) => template);

  it("every selector matches pods and every targetPort exists", () => {
    for (const { metadata, spec } of base.filter(({ kind }) => kind === "Service")) {
      const { selector, ports } = spec as { selector: object; ports: { port: number; targetPort: string }[] };
      const found = pods.find((pod) => expect.objectContaining(selector).asymmetricMatch(pod.metadata.labels));
      expect([metadata.name, found === undefined]).toEqual([metadata.name, false]);
      const named = found!.spec.containers.flatMap((container) => container.ports ?? []);
      for (const { port, targetPort } of ports) expect(named).toContainEqual({ name: targetPort, containerPort: port });
    }
    for (const kind of ["PodDisruptionBudget", "NetworkPolicy"])
      for (const { spec } of base.filter((each) => each.kind === kind)) {
        const { matchLabels } = (spec.selector ?? spec.podSelector) as { matchLabels?: Record<string, string> };
        if (matchLabels !== undefined) expect(workloads.map(({ name }) => name)).toContain(matchLabels[LABEL]);
      }
  });

  it("no Service or Ingress exposes a management listener", () => {
    for (const { spec } of base.filter(({ kind }) => kind === "Service"))
      expect((spec.ports as { port: number }[]).map(({ port }) => port)).not.toContain(9000);
    const paths = base
      .filter(({ kind }) => kind === "Ingress")
      .flatMap(({ spec }) => spec.rules as { http: { paths: { path: string; backend: unknown }[] } }[])
      .flatMap(({ http }) => http.paths);
    for (const { backend } of paths) expect(backend).toMatchObject({ service: { port: { name: "http" } } });
    expect(paths.map(({ path }) => path)).toEqual(["/", "/realms/demo", "/resources"]);
  });

  it("every internal address is a Service with that port", () => {
    const services = new Map(
      base
        .filter(({ kind }) => kind === "Service")
        .map(({ metadata, spec }) => [metadata.name, (spec.ports as { port: number }[]).map(({ port }) => port)]),
    );
    const secrets = generateSecrets().map(({ content }) => content);
    const texts = workloads.flatMap(({ pod }) =>
      pod.containers.flatMap(({ env = [] }) => env.map((e) => e.value ?? "")),
    );
    const addresses = [...texts, ...secrets].flatMap((text) => [...text.matchAll(/(?:\/\/|@)([a-z]+):(\d+)\b/g)]);
    expect(addresses.length).toBeGreaterThan(5);
    for (const [, host = "", port] of addresses) expect([host, services.get(host)]).toEqual([host, [Number(port)]]);
  });

  it("egress and ingress policies allow the same connections, and everything else is denied", () => {
    type Peer = { podSelector?: { matchLabels: Record<string, string> } };
    type Rule = { from?: Peer[]; to?: Peer[]; ports: { port: number }[] };
    const policies = base.filter(({ kind, spec }) => kind === "NetworkPolicy" && spec.podSelector.matchLabels);
    const allowedConnections = (direction: "ingress" | "egress") =>
      policies.flatMap(({ spec }) => {
        const self = (spec.podSelector as { matchLabels: Record<string, string> }).matchLabels[LABEL];
        return ((spec[direction] ?? []) as Rule[]).flatMap(({ from, to, ports }) =>
          (from ?? to ?? []).flatMap(({ podSelector }) =>
            ports.flatMap(({ port }) => {
              const peer = podSelector?.matchLabels[LABEL];
              if (peer === undefined) return [];
              return [direction === "ingress" ? `${peer} → ${self}:${port}` : `${self} → ${peer}:${port}`];
            }),
          ),
        );
      });
    expect(allowedConnections("egress").sort()).toEqual(allowedConnections("ingress").sort());
    expect(allowedConnections("egress").sort()).toEqual([
      "api → keycloak:8080",
      "backup → postgres:5432",
      "gateway → api:8000",
      "gateway → keycloak:8080",
      "gateway → redis:6379",
      "keycloak → gateway:3000",
      "keycloak → keycloak:57800",
      "keycloak → keycloak:7800",
      "keycloak → postgres:5432",
    ]);
    expect(find("NetworkPolicy", "default-deny").spec).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    for (const { name } of workloads) expect(policies.map(({ metadata }) => metadata.name)).toContain(name);
  });

  it("probes use paths that the programs serve", () => {
    const source = (file: string) => readFileSync(join(ROOT, file), "utf8");
    const servesPath: Record<string, (path: string) => boolean> = {
      gateway: (path) => source("bff/src/management/management-server.ts").includes(`case "${path}"`),
      api: (path) => source("demo/src/api/public-routes.ts").includes(`router.get("${path}"`),
      keycloak: (path) => ["/health/started", "/health/live", "/health/ready"].includes(path),
    };
    for (const [name, serves] of Object.entries(servesPath)) {
      const { startupProbe, livenessProbe, readinessProbe, ports = [] } = containerOf(name);
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
        expect([name, probe?.httpGet?.path, serves(probe?.httpGet?.path ?? "")]).toEqual([
          name,
          probe?.httpGet?.path,
          true,
        ]);
        expect(ports.map((port) => port.name)).toContain(probe?.httpGet?.port);
      }
    }
  });
});

describe("the gateway's manifest", () => {
  const { env = [], lifecycle } = containerOf("gateway");
  const { manifest, pod } = workloads.find(({ name }) => name === "gateway")!;
  const values = Object.fromEntries(env.map(({ name, value }) => [name, value ?? ""]));

  it("the gateway's manifest contains only known settings, and they are a valid configuration", () => {
    const known = new Set(Object.keys(SETTINGS).flatMap((name) => [name, `${name}_FILE`]));
    const referenced = env.filter(({ name }) => env.some(({ value }) => value?.includes(`$(${name})`)));
    for (const { name } of env) if (!referenced.some((each) => each.name === name)) expect(known).toContain(name);
    const settings = exampleSettings();
    const environment: Record<string, string> = { NODE_ENV: "production" };
    for (const { reader, name, content } of generateSecrets()) {
      if (reader !== "gateway") continue;
      writeFileSync(join(scratch, name), content);
    }
    for (const { name, value = "", valueFrom } of env)
      environment[name] = (valueFrom === undefined ? value : (settings[valueFrom.configMapKeyRef?.key ?? ""] ?? ""))
        .replace(/\$\(([A-Z_]+)\)/g, (_, other: string) => environment[other] ?? "")
        .replace(/^\/secrets\//, `${scratch}/`);
    expect(loadConfig(environment)).toMatchObject({
      publicOrigin: "https://app.example.com",
      production: true,
      provider: { issuer: "https://id.example.com/realms/demo" },
    });
  });

  it("the gateway's manifest has a terminationGracePeriod that covers a full drain", () => {
    const preStopSeconds = Number(lifecycle?.preStop?.exec?.command[1]);
    const drainSeconds = Number(values["DRAIN_SECONDS"]);
    const providerSeconds = Number(values["OIDC_TIMEOUT_SECONDS"] ?? SETTINGS.OIDC_TIMEOUT_SECONDS.default);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
      preStopSeconds + drainSeconds + providerSeconds + 5,
    );
  });

  it("the gateway's manifest keeps full capacity during rolling updates and allows one eviction at a time", () => {
    expect(manifest.spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    expect(manifest.spec).not.toHaveProperty("replicas");
    expect(find("HorizontalPodAutoscaler", "gateway").spec).toMatchObject({
      scaleTargetRef: { kind: "Deployment", name: "gateway" },
      minReplicas: 2,
    });
    expect(find("PodDisruptionBudget", "gateway").spec).toMatchObject({ maxUnavailable: 1 });
  });
});

describe.skipIf(rendered === undefined)("the example, rendered by kustomize", () => {
  const example = rendered ?? [];

  it("the example contains only fields that Kubernetes knows", () => expect(typeErrorsOf(example)).toBe(""));

  it("the example derives Ingress hosts from the two origins", () => {
    const hosts = example
      .filter(({ kind }) => kind === "Ingress")
      .map(({ spec }) => [spec.rules[0].host as string, spec.tls[0].hosts[0] as string]);
    expect(hosts).toEqual([
      ["app.example.com", "app.example.com"],
      ["id.example.com", "id.example.com"],
    ]);
  });

  it("the example pins every image, and Keycloak to the version of the tests", () => {
    const images = example.flatMap((manifest) => templateOf(manifest)?.spec.containers.map(({ image }) => image) ?? []);
    for (const image of images) expect(image).toMatch(/:\d[\w.-]*$/);
    expect(images).toContain(`registry.example.com/cloakroom/keycloak:${KEYCLOAK_VERSION}`);
  });
});
