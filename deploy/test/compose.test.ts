// Static checks of docker-compose.yml and the Dockerfiles. No container is started.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { BlockList } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { SETTINGS } from "@cloakroom/gateway/src/config/settings.ts";
import { KEYCLOAK_VERSION } from "@cloakroom/testkit/keycloak/version.ts";
import { composedEnvironment, interpolate } from "../rehearsal/compose-file.ts";

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
  profiles?: string[];
  deploy?: { replicas: string };
  mem_limit?: string;
  pids_limit?: number;
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
/** Services that run once and exit. */
const ONE_SHOT = new Set(["secrets", "backup", "restore"]);
const cidr = (range: string) => {
  const [address = "", bits] = range.split("/");
  const list = new BlockList();
  list.addSubnet(address, Number(bits));
  return list;
};
const dockerfileOf = ({ build }: Service) =>
  build === undefined ? undefined : readFileSync(join(root, build.context, build.dockerfile ?? "Dockerfile"), "utf8");

/** The variables that `--env-file deploy/tls/local.env` sets. */
function localSettings(variables: Readonly<Record<string, string>>): Record<string, string> {
  const local = readFileSync(join(root, "deploy", "tls", "local.env"), "utf8");
  return Object.fromEntries(
    [...local.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name!, interpolate(value!, variables)]),
  );
}

function publishedPorts(variables: Readonly<Record<string, string>>): Record<string, string[]> {
  const published = services.map(
    ([name, { ports = [] }]) => [name, ports.map((port) => interpolate(port, variables))] as const,
  );
  return Object.fromEntries(published.filter(([, ports]) => ports.length > 0));
}

describe("docker-compose.yml", () => {
  it("docker-compose.yml uses the Keycloak version of the tests", () => {
    const { image } = compose.services["keycloak"]!;
    expect(image).toBe(`localhost/cloakroom/keycloak:${KEYCLOAK_VERSION}`);
    const froms = dockerfileOf(compose.services["keycloak"]!)!.match(/^FROM \S+/gm);
    expect(new Set(froms)).toEqual(new Set([`FROM quay.io/keycloak/keycloak:${KEYCLOAK_VERSION}`]));
  });

  it("docker-compose.yml pins every image to a version", () => {
    for (const [, { image, build }] of services) if (build === undefined) expect(image).toMatch(/:\d+[\w.-]*$/);
    for (const [, service] of services)
      for (const from of dockerfileOf(service)?.match(/^FROM \S+/gm) ?? []) expect(from).toMatch(/:\d+[\w.-]*$/);
  });

  it("docker-compose.yml names its own images so that no registry's image can replace them", () => {
    for (const [name, { image, build }] of services)
      if (build !== undefined) expect([name, image]).toEqual([name, expect.stringMatching(/^localhost\//)]);
  });

  it("docker-compose.yml contains no secrets and no default values for secrets", () => {
    for (const [, { environment = {} }] of services)
      for (const [name, value] of Object.entries(environment))
        if (/PASSWORD|SECRET|KEYS|REDIS_URL/.test(name)) expect(value).toMatch(/^\/secrets\/[a-z_]+$/);
  });

  it("docker-compose.yml mounts only its own secrets into each service", () => {
    for (const name of ["gateway", "redis", "postgres", "keycloak"]) {
      const mounted = compose.services[name]!.volumes!.filter((volume) => volume.includes("-secrets:"));
      expect(mounted).toEqual([`${name}-secrets:/secrets:ro`]);
    }
    expect(compose.services["api"]!.volumes ?? []).toEqual([]);
  });

  it("docker-compose.yml runs every service with a read-only root, without capabilities and without new privileges", () => {
    for (const [name, service] of services) {
      expect([name, service.read_only]).toEqual([name, true]);
      expect([name, service.cap_drop]).toEqual([name, ["ALL"]]);
      expect([name, service.security_opt]).toEqual([name, ["no-new-privileges:true"]]);
    }
  });

  it("docker-compose.yml runs only the services that create or restore secrets as root", () => {
    const users = services.map(([name, service]) => {
      const fromImage = /^USER (\S+)/m.exec(dockerfileOf(service) ?? "")?.[1];
      return [name, service.user ?? fromImage];
    });
    expect(users.filter(([, user]) => user === undefined || /^(0|root)\b/.test(user)).map(([name]) => name)).toEqual([
      "secrets",
      "restore",
    ]);
  });

  it("docker-compose.yml publishes two ports, with TLS two more, on the loopback address by default", () => {
    expect(publishedPorts({})).toEqual({
      keycloak: ["127.0.0.1:8080:8080"],
      gateway: ["127.0.0.1:3000:3000"],
      tls: ["127.0.0.1:8443:8443", "127.0.0.1:8081:8081"],
    });
  });

  it("docker-compose.yml publishes every port by a variable that changes the origins too", () => {
    for (const [name, { ports = [] }] of services)
      for (const port of ports)
        expect([name, port]).toEqual([name, expect.stringMatching(/:\$\{[A-Z_]+_PORT:-\d+\}:/)]);
    const moved = { GATEWAY_PORT: "3001", KEYCLOAK_PORT: "8090", TLS_PORT: "9443", TLS_HTTP_PORT: "9080" };
    expect(publishedPorts(moved)).toEqual({
      keycloak: ["127.0.0.1:8090:8080"],
      gateway: ["127.0.0.1:3001:3000"],
      tls: ["127.0.0.1:9443:9443", "127.0.0.1:9080:9080"],
    });
    expect(composedEnvironment("gateway", moved)).toMatchObject({
      PUBLIC_ORIGIN: "http://localhost:3001",
      OIDC_ISSUER: "http://localhost:8090/realms/demo",
      ACCOUNT_URL: "http://localhost:8090/realms/demo/account/?referrer=cloakroom",
    });
    expect(composedEnvironment("keycloak", moved)).toMatchObject({
      KC_HOSTNAME: "http://localhost:8090",
      KC_HOSTNAME_ADMIN: "http://localhost:8090",
      CLOAKROOM_ORIGIN: "http://localhost:3001",
    });
    expect(composedEnvironment("api", moved)["API_ISSUER"]).toBe("http://localhost:8090/realms/demo");
    expect(localSettings(moved)).toMatchObject({
      PUBLIC_ORIGIN: "https://app.localhost:9443",
      KEYCLOAK_ORIGIN: "https://id.localhost:9443",
    });
  });

  it("docker-compose.yml starts services with published ports without waiting for Keycloak, to report port conflicts early", () => {
    const dependenciesOf = (name: string): string[] =>
      Object.keys(compose.services[name]!.depends_on ?? {}).flatMap((needed) => [needed, ...dependenciesOf(needed)]);
    for (const [name, { ports = [] }] of services)
      if (ports.length > 0)
        expect([name, dependenciesOf(name)]).toEqual([name, expect.not.arrayContaining(["keycloak", "api"])]);
  });

  it.each(services)(
    "docker-compose.yml limits memory and processes of %s",
    (_name, { mem_limit: memory, pids_limit: pids }) => {
      expect(memory).toMatch(/^\d+[mg]$/);
      expect(pids).toBeGreaterThanOrEqual(64);
    },
  );

  it("docker-compose.yml binds every management listener to the loopback address", () => {
    expect(composedEnvironment("keycloak", {})["KC_HTTP_MANAGEMENT_HOST"]).toBe("127.0.0.1");
    expect(composedEnvironment("gateway", {})["MANAGEMENT_HOST"] ?? SETTINGS.MANAGEMENT_HOST.default).toBe("127.0.0.1");
  });

  it("docker-compose.yml passes ADMIN_NETWORKS to the TLS proxy, by default no address, and the bridge network as excluded", () => {
    const front = compose.networks["front"] as { ipam: { config: { subnet: string }[] } };
    expect(composedEnvironment("tls", {})).toMatchObject({
      ADMIN_NETWORKS: "0.0.0.0/32",
      BRIDGE_NETWORK: front.ipam.config[0]!.subnet,
    });
    const named = composedEnvironment("tls", { ADMIN_NETWORKS: "198.51.100.0/24" });
    expect(named["ADMIN_NETWORKS"]).toBe("198.51.100.0/24");
  });

  it("docker-compose.yml assigns profiles to one-shot services only, so that `down --volumes` removes everything", () => {
    const inProfile = services.filter(([, { profiles = [] }]) => profiles.length > 0);
    // `down` skips services of inactive profiles. These run once with --rm.
    expect(inProfile.map(([name]) => name)).toEqual(["backup", "restore"]);
    for (const [name] of inProfile) expect([name, ONE_SHOT.has(name)]).toEqual([name, true]);
    const always = services.filter(([, { profiles = [] }]) => profiles.length === 0);
    const volumes = new Set(
      always.flatMap(([, service]) => service.volumes ?? []).map((volume) => volume.split(":")[0]),
    );
    for (const name of Object.keys(compose.volumes)) expect(volumes).toContain(name);
    const networks = new Set(always.flatMap(([, { networks: on = [] }]) => (Array.isArray(on) ? on : Object.keys(on))));
    for (const name of Object.keys(compose.networks)) expect(networks).toContain(name);
  });

  it("docker-compose.yml starts the TLS proxy only with deploy/tls/local.env", () => {
    const { replicas } = compose.services["tls"]!.deploy!;
    expect([interpolate(replicas, {}), interpolate(replicas, localSettings({}))]).toEqual(["0", "1"]);
  });

  it("docker-compose.yml trusts the TLS proxy's static address, which is outside the dynamic range", () => {
    const network = compose.networks["front"] as { ipam: { config: { subnet: string; ip_range: string }[] } };
    const { ipv4_address: address } = (compose.services["tls"]!.networks as Record<string, { ipv4_address: string }>)[
      "front"
    ]!;
    const dynamicRange = cidr(network.ipam.config[0]!.ip_range);
    expect(cidr(network.ipam.config[0]!.subnet).check(address)).toBe(true);
    expect(dynamicRange.check(address)).toBe(false);
    expect(composedEnvironment("gateway", {})["TRUSTED_PROXIES"]).toBe(address);
    expect(composedEnvironment("keycloak", {})["KC_PROXY_TRUSTED_ADDRESSES"]).toBe(address);
  });

  it("docker-compose.yml publishes the ports of the origins in deploy/tls/local.env", () => {
    const variables = localSettings({});
    for (const name of ["PUBLIC_ORIGIN", "KEYCLOAK_ORIGIN"])
      expect(compose.services["tls"]!.ports!.map((port) => interpolate(port, variables).split(":").at(-1))).toContain(
        new URL(variables[name]!).port,
      );
    expect(composedEnvironment("gateway", variables)["OIDC_ISSUER"]).toBe("https://id.localhost:8443/realms/demo");
  });

  it("docker-compose.yml gives the gateway a stop_grace_period that covers a full drain", () => {
    const { stop_grace_period: grace } = compose.services["gateway"] as { stop_grace_period?: string };
    const needed = Number(SETTINGS.DRAIN_SECONDS.default) + Number(SETTINGS.OIDC_TIMEOUT_SECONDS.default) + 5;
    expect(Number(/^(\d+)s$/.exec(grace ?? "")?.[1])).toBeGreaterThanOrEqual(needed);
  });

  it("docker-compose.yml connects each database only with the services that use it", () => {
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

  it("docker-compose.yml starts services after their dependencies are healthy, and every service has a health check", () => {
    const conditions = services.flatMap(([name, { depends_on: needs = {} }]) =>
      Object.entries(needs).map(([needed, { condition }]) => `${name} after ${needed}: ${condition}`),
    );
    expect(conditions.sort()).toEqual([
      "backup after postgres: service_healthy",
      "gateway after redis: service_healthy",
      "gateway after secrets: service_completed_successfully",
      "keycloak after postgres: service_healthy",
      "postgres after secrets: service_completed_successfully",
      "redis after secrets: service_completed_successfully",
      "tls after secrets: service_completed_successfully",
    ]);
    for (const [name, service] of services)
      if (!ONE_SHOT.has(name))
        expect([name, service.healthcheck !== undefined || /^HEALTHCHECK/m.test(dockerfileOf(service) ?? "")]).toEqual([
          name,
          true,
        ]);
  });

  it("docker-compose.yml sets only settings that the gateway knows", () => {
    const known = new Set(Object.keys(SETTINGS).flatMap((name) => [name, `${name}_FILE`]));
    for (const name of Object.keys(compose.services["gateway"]!.environment!)) expect(known).toContain(name);
  });

  it("docker-compose.yml declares every named volume, and every bind mount exists", () => {
    const used = services.flatMap(([, { volumes = [] }]) =>
      volumes.map((volume) => volume.split(":")[0]!).filter((source) => /^[a-z]/.test(source)),
    );
    expect(new Set(used)).toEqual(new Set(Object.keys(compose.volumes)));
    for (const [, { volumes = [] }] of services)
      for (const source of volumes.map((volume) => volume.split(":")[0]!).filter((each) => each.startsWith("./")))
        expect(existsSync(join(root, source))).toBe(true);
  });
});

describe("Dockerfiles", () => {
  const ignored = readFileSync(join(root, ".dockerignore"), "utf8").split("\n");

  it.each(["bff/Dockerfile", "demo/Dockerfile"])("%s copies only files that .dockerignore allows", (file) => {
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

  it("Dockerfiles copy the package.json of every workspace, which npm ci requires", () => {
    const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { workspaces: string[] };
    for (const file of ["bff/Dockerfile", "demo/Dockerfile"])
      for (const workspace of workspaces.flatMap(foldersOf))
        expect(readFileSync(join(root, file), "utf8")).toContain(`COPY ${workspace}/package.json ${workspace}/`);
  });

  it("bff/Dockerfile copies the sources of the packages that the demo app imports", () => {
    const dependenciesOf = (folder: string): string[] => {
      const { dependencies = {} } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as {
        dependencies?: Record<string, string>;
      };
      const own = Object.keys(dependencies).filter((name) => name.startsWith("@cloakroom/"));
      return own
        .map((name) => name.replace("@cloakroom/", "packages/"))
        .flatMap((each) => [each, ...dependenciesOf(each)]);
    };
    const dockerfile = readFileSync(join(root, "bff/Dockerfile"), "utf8");
    const packages = dependenciesOf("spa");
    expect(packages).toContain("packages/client");
    for (const each of packages) expect(dockerfile).toContain(`COPY ${each}/src ${each}/src`);
  });

  it.each(["bff/Dockerfile", "demo/Dockerfile", "deploy/keycloak/Dockerfile", "deploy/image/Dockerfile"])(
    "%s has no syntax directive, so that no frontend image is fetched",
    (file) => expect(readFileSync(join(root, file), "utf8")).not.toMatch(/^#\s*syntax\s*=/im),
  );

  // npm's --omit=dev keeps a development dependency that is a dependency of another workspace (`ws`).
  it.each([
    ["bff", "bff/Dockerfile"],
    ["demo", "demo/Dockerfile"],
  ])("Dockerfiles delete the devDependencies of %s before npm ci", (workspace, file) => {
    const stages = readFileSync(join(root, file), "utf8").split(/^FROM /m);
    const install = stages.find((stage) => stage.includes(`npm ci --workspace ${workspace} `))!;
    expect(install).toMatch(new RegExp(`npm pkg delete devDependencies --workspace ${workspace} \\\\\\n && npm ci`));
  });

  it("copy every file that the API imports from outside its folder", () => {
    const imports = readdirSync(join(root, "demo/src/api")).flatMap((file) =>
      [
        ...readFileSync(join(root, "demo/src/api", file), "utf8").matchAll(
          /from "(?:\.\.|@cloakroom\/(\w+))\/([^"]+)"/g,
        ),
      ].map(([, name, path]) => `${name === undefined ? "demo" : `packages/${name}`}/src/${path}`),
    );
    const dockerfile = readFileSync(join(root, "demo/Dockerfile"), "utf8");
    expect(imports.length).toBeGreaterThan(0);
    for (const path of new Set(imports)) expect(dockerfile).toContain(`COPY ${path} ${path}`);
  });
});

/** `packages/*` → its folders. */
function foldersOf(workspace: string): string[] {
  if (!workspace.endsWith("/*")) return [workspace];
  const folder = workspace.slice(0, -2);
  return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
}
