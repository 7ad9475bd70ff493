// The Helm chart without Helm: generated files are current, copies are equal, and the scripts in its ConfigMaps work.
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { KEYCLOAK_VERSION } from "@cloakroom/testkit/keycloak/version.ts";
import { APP_ID, redisUsers } from "../compose/secrets.ts";
import { CHART_VALUES } from "../helm/chart-values.ts";
import type { Schema } from "../helm/schema-parts.ts";
import { README_FILE, readmeText, SCHEMA_FILE, schemaText } from "../helm/tables.ts";
import { CHART, EXAMPLES, exampleValues, merged, type Values } from "./helm.ts";

const read = (...path: string[]) => readFileSync(join(ROOT, ...path), "utf8");
const chartFile = (...path: string[]) => readFileSync(join(CHART, ...path), "utf8");
const defaults = parse(chartFile("values.yaml")) as Values;
const folder = mkdtempSync(join(tmpdir(), "cloakroom-chart-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("generated files of the chart", () => {
  it("values.schema.json is current (npm run docs:tables)", () =>
    expect(readFileSync(SCHEMA_FILE, "utf8")).toBe(schemaText()));

  it("README.md is current (npm run docs:tables)", () => expect(readFileSync(README_FILE, "utf8")).toBe(readmeText()));

  it("the schema and values.yaml name the same values in the same order", () => {
    const namesOf = (values: Values, schemas: Readonly<Record<string, Schema>>, path: string): string[] => {
      expect([path, Object.keys(values)]).toEqual([path, Object.keys(schemas)]);
      return Object.entries(schemas).flatMap(([name, { properties }]) =>
        properties === undefined
          ? [`${path}${name}`]
          : namesOf(values[name] as Values, properties as Record<string, Schema>, `${path}${name}.`),
      );
    };
    expect(namesOf(defaults, CHART_VALUES, "").length).toBeGreaterThan(80);
  });

  it("the schema accepts the defaults and every example", () => {
    const validate = new Ajv({ strict: false }).compile(JSON.parse(schemaText()) as Schema);
    for (const [name, values] of [
      ["values.yaml", {}],
      ...EXAMPLES.map((each) => [each, exampleValues(each)]),
    ] as const) {
      validate(merged(defaults, values as Values));
      expect([name, validate.errors]).toEqual([name, null]);
    }
  });
});

describe("copies in the chart", () => {
  it.each([
    ["redis.conf", "redis/redis.conf"],
    ["backup.sh", "backup/backup.sh"],
  ])("%s equals deploy/%s", (copy, original) => expect(chartFile("files", copy)).toBe(read("deploy", original)));

  it("alerts.yaml equals the alerts of metrics.md", () => {
    const [, documented] = /```yaml\n(groups:[\s\S]*?)```/.exec(read("docs", "reference", "metrics.md")) ?? [];
    expect(parse(chartFile("files", "alerts.yaml"))).toEqual(parse(documented ?? ""));
  });

  it("the chart has the version of the repository and the Keycloak of the tests", () => {
    const { version } = JSON.parse(read("package.json")) as { version: string };
    expect(parse(chartFile("Chart.yaml"))).toMatchObject({ version, appVersion: version });
    expect(defaults).toMatchObject({ keycloak: { image: { tag: KEYCLOAK_VERSION } } });
  });

  it("the images of Redis and PostgreSQL are those of docker-compose.yml", () => {
    const { services } = parse(read("docker-compose.yml"), { merge: true }) as {
      services: Record<string, { image: string }>;
    };
    for (const [value, service] of [
      ["redis", "redis"],
      ["postgresql", "postgres"],
    ] as const) {
      const { image } = defaults[value] as { image: { repository: string; tag: string } };
      expect(`${image.repository.replace("docker.io/library/", "")}:${image.tag}`).toBe(services[service]?.image);
    }
  });

  it("no image name has a default that could belong to another project", () => {
    for (const name of ["image", "keycloak.image", "demoApi.image"]) {
      const image = name.split(".").reduce<unknown>((value, key) => (value as Values)[key], defaults);
      expect([name, image]).toEqual([name, expect.objectContaining({ repository: "" })]);
    }
  });
});

describe("redis-start.sh", () => {
  // Prints what it is started with.
  writeFileSync(join(folder, "redis-server"), '#!/bin/sh\necho "$@"\n');
  chmodSync(join(folder, "redis-server"), 0o755);

  function start(url: string, ids: string) {
    writeFileSync(join(folder, "redis_url"), url);
    const env = {
      PATH: `${folder}:${process.env["PATH"]}`,
      REDIS_URL_FILE: join(folder, "redis_url"),
      ACL_FOLDER: folder,
      APPLICATION_IDS: ids,
    };
    return spawnSync("sh", [join(CHART, "files", "redis-start.sh")], { env, encoding: "utf8" });
  }
  const users = () => readFileSync(join(folder, "users.acl"), "utf8");
  const PASSWORD = "0123456789abcdef0123456789abcdef_-";

  it("redis-start.sh writes the Redis users of the composed system and starts Redis", () => {
    const { status, stdout } = start(`redis://cloakroom:${PASSWORD}@cloakroom-redis:6379/0\n`, APP_ID);
    expect([status, stdout]).toEqual([0, `/etc/redis/redis.conf --aclfile ${folder}/users.acl\n`]);
    expect(users()).toBe(redisUsers(PASSWORD));
  });

  it("redis-start.sh grants the keys and channels of each application", () => {
    start(`redis://cloakroom:${PASSWORD}@cloakroom-redis:6379/0`, "shop back-office");
    expect(users()).toContain(
      "resetkeys ~cloakroom:shop:* ~cloakroom:back-office:* resetchannels &cloakroom:shop:* &cloakroom:back-office:* &__redis__",
    );
  });

  it.each([
    ["another user", `redis://admin:${PASSWORD}@cloakroom-redis:6379/0`, "must have the form"],
    [
      "TLS, which the built-in Redis lacks",
      `rediss://cloakroom:${PASSWORD}@cloakroom-redis:6379/0`,
      "must have the form",
    ],
    ["no password", "redis://cloakroom-redis:6379/0", "must have the form"],
    ["a short password", "redis://cloakroom:short@cloakroom-redis:6379/0", "at least 32 characters"],
    [
      "characters that need encoding",
      `redis://cloakroom:${PASSWORD}%25@cloakroom-redis:6379/0`,
      "letters, digits, - and _ only",
    ],
    [
      "a second line",
      `redis://cloakroom:${PASSWORD}\nuser x on nopass +@all@cloakroom-redis:6379/0`,
      "letters, digits, - and _ only",
    ],
  ])("redis-start.sh rejects a URL with %s", (_what, url, sentence) => {
    const { status, stderr } = start(url, APP_ID);
    expect([status, stderr]).toEqual([78, expect.stringContaining(sentence)]);
    expect(stderr).not.toContain(PASSWORD);
  });
});

describe("the script of helm test", () => {
  type Respond = (path: string, headers: IncomingHttpHeaders) => number;
  const healthy: Respond = (path, headers) => {
    if (headers.host !== "app.example.com") return 421;
    if (path === "/bff/login") return 303;
    return headers["x-csrf"] === "1" && headers["sec-fetch-site"] === "same-origin" ? 200 : 403;
  };

  async function run(respond: Respond, hosts = "app.example.com") {
    const server = createServer((request, response) => {
      response.writeHead(respond(request.url ?? "", request.headers)).end();
    }).listen(0, "127.0.0.1");
    await new Promise((listening) => server.once("listening", listening));
    const { port } = server.address() as AddressInfo;
    const env = { SERVICE: "127.0.0.1", PORT: String(port), HOSTS: hosts };
    const child = spawn(process.execPath, ["-e", chartFile("files", "test.cjs")], { env });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const status = await new Promise((closed) => child.once("close", closed));
    server.close();
    return { status, output };
  }

  it("the script of helm test passes if the Service responds as the gateway does", async () => {
    const { status, output } = await run(healthy);
    expect([status, output.match(/^ok/gm)?.length]).toEqual([0, 3]);
  });

  it.each<[string, Respond, string | undefined, RegExp]>([
    [
      "accepts requests of other sites",
      (path) => (path === "/bff/login" ? 303 : 200),
      undefined,
      /user: 200, expected 403/,
    ],
    [
      "does not reach the provider",
      (path, headers) => (path === "/bff/login" ? 503 : healthy(path, headers)),
      undefined,
      /login: 503, expected 303/,
    ],
    ["does not know a host", healthy, "app.example.com other.example.com", /other\.example\.com GET \/bff\/user: 421/],
  ])("the script of helm test fails if the gateway %s", async (_what, respond, hosts, line) => {
    const { status, output } = await run(respond, hosts);
    expect([status, output]).toEqual([1, expect.stringMatching(line)]);
  });
});
