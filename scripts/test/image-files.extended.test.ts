// The files of the released image (npm run release:image-files): what they contain, and that the gateway starts from them
// without anything else. No container engine is used.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { globSync, lstatSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { ProviderHandle } from "@cloakroom/testing/provider/types.ts";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { buildPackage } from "../release/build-package.ts";
import { dependencyDifferences, writeImageFiles } from "../release/image-files.ts";
import { publishedPackages } from "../release/packages.ts";
import { npm } from "../release/production-tree.ts";
import type { Sbom } from "../release/sbom.ts";

type PackageJson = { name: string; version: string; os?: string[]; cpu?: string[] };

const scratch = mkdtempSync(join(tmpdir(), "cloakroom-image-test-"));
const image = join(scratch, "srv");
const cli = join(image, "node_modules", "@cloakroom", "gateway", "bin", "cloakroom.mjs");
const readJson = (file: string) => JSON.parse(readFileSync(file, "utf8")) as unknown;
/** Every installed package. */
const installed = () =>
  globSync("node_modules/{*,@*/*}/package.json", { cwd: image }).map(
    (file) => readJson(join(image, file)) as PackageJson,
  );

beforeAll(() => {
  const gateway = publishedPackages(ROOT).find(({ manifest }) => manifest.name === "@cloakroom/gateway");
  if (gateway === undefined) throw new Error("The gateway is not among the published packages.");
  const versions = new Map([[gateway.manifest.name, gateway.manifest.version]]);
  const { folder } = buildPackage(gateway, join(ROOT, ".cache", "packages-of-image-test"), versions);
  npm(scratch, ["pack", folder, "--ignore-scripts", "--pack-destination", scratch]);
  writeImageFiles(join(scratch, `cloakroom-gateway-${gateway.manifest.version}.tgz`), image);
}, 240_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Not spawnSync: the provider of these tests runs in this process. */
async function healthStatus(env: Record<string, string>): Promise<number> {
  const [status] = (await once(
    spawn(process.execPath, ["health.mjs"], { cwd: image, env, stdio: "inherit" }),
    "exit",
  )) as [number];
  return status;
}

describe("the files of the image", () => {
  it("the image contains the packed gateway with the dependencies that it names", () => {
    expect(installed().map(({ name }) => name)).toEqual(expect.arrayContaining(["@cloakroom/gateway", "koa", "jose"]));
    expect(dependencyDifferences(image)).toEqual([]);
  });

  it("the image contains no link, no program of npm and no other workspace", () => {
    const links = globSync("**", { cwd: image }).filter((file) => lstatSync(join(image, file)).isSymbolicLink());
    expect(links).toEqual([]);
    expect(globSync("node_modules/{.bin,@cloakroom}/*", { cwd: image })).toEqual(["node_modules/@cloakroom/gateway"]);
  });

  it("the image contains no native code, so that the same files run on every platform", () => {
    expect(globSync("**/*.node", { cwd: image })).toEqual([]);
    expect(installed().filter(({ os, cpu }) => os !== undefined || cpu !== undefined)).toEqual([]);
  });

  it("the bill of materials lists each installed package with its version, licence and hash, and nothing else", () => {
    const { bomFormat, specVersion, metadata, components, dependencies } = readJson(
      join(image, "sbom.cdx.json"),
    ) as Sbom;
    expect([bomFormat, specVersion]).toEqual(["CycloneDX", "1.5"]);
    expect(metadata.component).toMatchObject({
      name: "@cloakroom/gateway",
      purl: expect.stringMatching(/^pkg:npm\//) as string,
    });
    const listed = [metadata.component, ...components].map(({ name, version }) => `${name}@${version}`);
    expect(listed.toSorted()).toEqual(
      globSync("**/node_modules/{*,@*/*}/package.json", { cwd: image })
        .map((file) => readJson(join(image, file)) as PackageJson)
        .map(({ name, version }) => `${name}@${version}`)
        .toSorted(),
    );
    for (const component of components) {
      expect([component.name, component.licenses?.length]).toEqual([component.name, 1]);
      expect([component.name, component.hashes]).toEqual([
        component.name,
        [{ alg: "SHA-512", content: expect.any(String) as string }],
      ]);
    }
    const refs = new Set([metadata.component, ...components].map((each) => each["bom-ref"]));
    expect(refs.size).toBe(components.length + 1);
    for (const { ref, dependsOn } of dependencies) for (const each of [ref, ...dependsOn]) expect(refs).toContain(each);
  });
});

describe("the gateway of the image", () => {
  let provider: ProviderHandle, redis: TestRedis;
  let env: Record<string, string>;

  beforeAll(async () => {
    redis = await startRedis();
    const client = { clientId: "image", clientSecret: "a-client-secret-of-the-tests" };
    const redirectUris = ["http://localhost:3000/bff/callback"];
    provider = await startProvider({ port: 0, passwordCost: 1_024, clients: [{ ...client, redirectUris }] });
    env = {
      // The image has no programs besides Node.
      PATH: "/nonexistent",
      ...{ NODE_ENV: "production", HOST: "127.0.0.1", PORT: String(await freePort()) },
      MANAGEMENT_PORT: String(await freePort()),
      PUBLIC_ORIGIN: "http://localhost:3000",
      ...{ OIDC_ISSUER: provider.issuer, OIDC_CLIENT_ID: client.clientId, OIDC_CLIENT_SECRET: client.clientSecret },
      ...{ REDIS_URL: redis.url, SECRET_KEYS: randomBytes(32).toString("base64url") },
    };
  });
  afterAll(async () => {
    await provider.stop();
    await redis.stop();
  });

  it("the gateway starts with an empty PATH, is healthy, and ends on SIGTERM", async () => {
    const child: ChildProcess = spawn(process.execPath, [cli, "start"], { cwd: image, env, stdio: "inherit" });
    const ended = once(child, "exit");
    try {
      await until("the image's health check", () => healthStatus(env).then((status) => status === 0), {
        timeoutMs: 40_000,
      });
    } finally {
      child.kill("SIGTERM");
    }
    expect(await ended).toEqual([0, null]);
    expect(await healthStatus(env)).toBe(1);
  }, 60_000);

  it.each([{ MANAGEMENT_HOST: "0.0.0.0" }, { MANAGEMENT_HOST: "::1", MANAGEMENT_PORT: "1" }, { MANAGEMENT_HOST: "" }])(
    "the health check fails without a gateway (%j)",
    async (changes) => {
      expect(await healthStatus({ ...env, ...changes })).toBe(1);
    },
  );

  it("the command check validates the environment of the image", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, "check"], {
      cwd: image,
      encoding: "utf8",
      env,
    });
    expect([status, stderr]).toEqual([0, expect.any(String)]);
    expect(stdout).toContain("http://localhost:3000");
  });
});
