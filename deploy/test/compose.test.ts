// What the composed system promises, read from its own file. Nothing is started here.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { BlockList } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { SETTINGS } from "../../bff/src/settings.ts";
import { KEYCLOAK_VERSION } from "../../scripts/keycloak/version.ts";
import { composedEnvironment, fillIn } from "../rehearsal/composed.ts";

type Service = {
  image: string;
  build?: { context: string; dockerfile?: string };
  environment?: Record<string, string>;
  user?: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  ports?: string[];
  networks?: string[] | Record<string, { ipv4_address: string }>;
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
};
type Compose = {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
  networks: Record<string, { internal?: boolean } | null>;
};

const root = join(import.meta.dirname, "..", "..");
const text = readFileSync(join(root, "docker-compose.yml"), "utf8");
const compose = parse(text, { merge: true }) as Compose;
const services = Object.entries(compose.services);
/** They run, and end. */
const ONE_SHOT = new Set(["secrets", "backup", "restore"]);
const cidr = (range: string) => {
  const [address = "", bits] = range.split("/");
  const list = new BlockList();
  list.addSubnet(address, Number(bits));
  return list;
};
const dockerfileOf = ({ build }: Service) =>
  build === undefined ? undefined : readFileSync(join(root, build.context, build.dockerfile ?? "Dockerfile"), "utf8");

describe("docker-compose.yml", () => {
  it("runs the Keycloak that the tests run", () => {
    const { image } = compose.services["keycloak"]!;
    expect(image).toBe(`cloakroom/keycloak:${KEYCLOAK_VERSION}`);
    const froms = dockerfileOf(compose.services["keycloak"]!)!.match(/^FROM \S+/gm);
    expect(new Set(froms)).toEqual(new Set([`FROM quay.io/keycloak/keycloak:${KEYCLOAK_VERSION}`]));
  });

  it("pins every image", () => {
    for (const [, { image, build }] of services) if (build === undefined) expect(image).toMatch(/:\d+[\w.-]*$/);
    for (const [, service] of services)
      for (const from of dockerfileOf(service)?.match(/^FROM \S+/gm) ?? []) expect(from).toMatch(/:\d+[\w.-]*$/);
  });

  it("contains no secret and no default for one", () => {
    for (const [, { environment = {} }] of services)
      for (const [name, value] of Object.entries(environment))
        if (/PASSWORD|SECRET|KEYS|REDIS_URL/.test(name)) expect(value).toMatch(/^\/secrets\/[a-z_]+$/);
  });

  it("lets each service see its own secrets and no other's", () => {
    for (const name of ["gateway", "redis", "postgres", "keycloak"]) {
      const mounted = compose.services[name]!.volumes!.filter((volume) => volume.includes("-secrets:"));
      expect(mounted).toEqual([`${name}-secrets:/secrets:ro`]);
    }
    expect(compose.services["api"]!.volumes ?? []).toEqual([]);
  });

  it("runs nothing with a writable root, capabilities or a way to more of them", () => {
    for (const [name, service] of services) {
      expect([name, service.read_only]).toEqual([name, true]);
      expect([name, service.cap_drop]).toEqual([name, ["ALL"]]);
      expect([name, service.security_opt]).toEqual([name, ["no-new-privileges:true"]]);
    }
  });

  it("runs nothing as root but what hands out the secrets, made or restored", () => {
    const users = services.map(([name, service]) => {
      const fromImage = /^USER (\S+)/m.exec(dockerfileOf(service) ?? "")?.[1];
      return [name, service.user ?? fromImage];
    });
    expect(users.filter(([, user]) => user === undefined || /^(0|root)\b/.test(user)).map(([name]) => name)).toEqual([
      "secrets",
      "restore",
    ]);
  });

  it("opens two ports and with TLS two more, on this machine only unless told otherwise", () => {
    const opened = services.map(([name, { ports = [] }]) => [name, ports.map((port) => fillIn(port, {}))]);
    expect(Object.fromEntries(opened.filter(([, ports]) => ports!.length > 0))).toEqual({
      keycloak: ["127.0.0.1:8080:8080"],
      gateway: ["127.0.0.1:3000:3000"],
      tls: ["127.0.0.1:8443:8443", "127.0.0.1:8081:8081"],
    });
  });

  it("trusts the TLS proxy's address, which nobody else can get", () => {
    const network = compose.networks["front"] as { ipam: { config: { subnet: string; ip_range: string }[] } };
    const { ipv4_address: address } = (compose.services["tls"]!.networks as Record<string, { ipv4_address: string }>)[
      "front"
    ]!;
    const handedOut = cidr(network.ipam.config[0]!.ip_range);
    expect(cidr(network.ipam.config[0]!.subnet).check(address)).toBe(true);
    expect(handedOut.check(address)).toBe(false);
    expect(composedEnvironment("gateway", {})["TRUSTED_PROXIES"]).toBe(address);
    expect(composedEnvironment("keycloak", {})["KC_PROXY_TRUSTED_ADDRESSES"]).toBe(address);
  });

  it("serves TLS under the origins and the ports of its local settings", () => {
    const local = readFileSync(join(root, "deploy", "tls", "local.env"), "utf8");
    const variables = Object.fromEntries(
      [...local.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    expect(variables["COMPOSE_PROFILES"]).toBe("tls");
    for (const name of ["PUBLIC_ORIGIN", "KEYCLOAK_ORIGIN"])
      expect(compose.services["tls"]!.ports!.map((port) => fillIn(port, variables).split(":").at(-1))).toContain(
        new URL(variables[name]!).port,
      );
    expect(composedEnvironment("gateway", variables)["OIDC_ISSUER"]).toBe("https://id.localhost:8443/realms/demo");
  });

  it("gives the gateway the time that a full drain takes", () => {
    const { stop_grace_period: grace } = compose.services["gateway"] as { stop_grace_period?: string };
    const needed = Number(SETTINGS.DRAIN_SECONDS.default) + Number(SETTINGS.OIDC_TIMEOUT_SECONDS.default) + 5;
    expect(Number(/^(\d+)s$/.exec(grace ?? "")?.[1])).toBeGreaterThanOrEqual(needed);
  });

  it("keeps both databases away from everybody but their own service", () => {
    const on = (network: string) =>
      services
        .filter(([, { networks = [] }]) =>
          (Array.isArray(networks) ? networks : Object.keys(networks)).includes(network),
        )
        .map(([name]) => name);
    expect(on("gateway-data").sort()).toEqual(["gateway", "redis"]);
    expect(on("keycloak-data").sort()).toEqual(["backup", "keycloak", "postgres", "restore"]);
    expect(compose.networks["gateway-data"]?.internal).toBe(true);
    expect(compose.networks["keycloak-data"]?.internal).toBe(true);
  });

  it("starts everything only once what it needs is healthy", () => {
    const conditions = services.flatMap(([name, { depends_on: needs = {} }]) =>
      Object.entries(needs).map(([needed, { condition }]) => `${name} after ${needed}: ${condition}`),
    );
    expect(conditions.sort()).toEqual([
      "backup after postgres: service_healthy",
      "gateway after api: service_healthy",
      "gateway after keycloak: service_healthy",
      "gateway after redis: service_healthy",
      "keycloak after postgres: service_healthy",
      "postgres after secrets: service_completed_successfully",
      "redis after secrets: service_completed_successfully",
      "tls after gateway: service_healthy",
    ]);
    for (const [name, service] of services)
      if (!ONE_SHOT.has(name))
        expect([name, service.healthcheck !== undefined || /^HEALTHCHECK/m.test(dockerfileOf(service) ?? "")]).toEqual([
          name,
          true,
        ]);
  });

  it("gives the gateway settings that it has", () => {
    const known = new Set(Object.keys(SETTINGS).flatMap((name) => [name, `${name}_FILE`]));
    for (const name of Object.keys(compose.services["gateway"]!.environment!)) expect(known).toContain(name);
  });

  it("keeps what must survive in named volumes that are declared", () => {
    const used = services.flatMap(([, { volumes = [] }]) =>
      volumes.map((volume) => volume.split(":")[0]!).filter((source) => /^[a-z]/.test(source)),
    );
    expect(new Set(used)).toEqual(new Set(Object.keys(compose.volumes)));
    for (const [, { volumes = [] }] of services)
      for (const source of volumes.map((volume) => volume.split(":")[0]!).filter((each) => each.startsWith("./")))
        expect(existsSync(join(root, source))).toBe(true);
  });
});

describe("the Dockerfiles", () => {
  const ignored = readFileSync(join(root, ".dockerignore"), "utf8").split("\n");

  it.each(["bff/Dockerfile", "demo/Dockerfile"])("%s copies only what .dockerignore lets through", (file) => {
    const sources = [...readFileSync(join(root, file), "utf8").matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(
      ([, list]) => list!.trim().split(/\s+/).slice(0, -1),
    );
    expect(sources.length).toBeGreaterThan(5);
    for (const source of sources) {
      expect(existsSync(join(root, source))).toBe(true);
      const allowed = ignored.some((rule) => rule === `!${source}` || source.startsWith(`${rule.slice(1)}/`));
      expect([source, allowed]).toEqual([source, true]);
    }
  });

  it("know every workspace, or npm ci would refuse the lockfile", () => {
    const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { workspaces: string[] };
    for (const file of ["bff/Dockerfile", "demo/Dockerfile"])
      for (const workspace of workspaces)
        expect(readFileSync(join(root, file), "utf8")).toContain(`COPY ${workspace}/package.json ${workspace}/`);
  });

  it("copy every file of the API that it imports", () => {
    const imports = readdirSync(join(root, "demo/src/api")).flatMap((file) =>
      [...readFileSync(join(root, "demo/src/api", file), "utf8").matchAll(/from "\.\.\/([^"]+)"/g)].map(
        ([, path]) => path,
      ),
    );
    const dockerfile = readFileSync(join(root, "demo/Dockerfile"), "utf8");
    for (const path of new Set(imports)) expect(dockerfile).toContain(`COPY demo/src/${path} demo/src/${path}`);
  });
});
