// The released image: rules of deploy/image/Dockerfile, and the command line of scripts/release/image.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { basesOf, buildArguments, checkedRepository, PLATFORMS, type Build } from "../release/image.ts";
import { gatewaySbom, type Component, type Sbom } from "../release/sbom.ts";

const dockerfile = readFileSync(join(ROOT, "deploy/image/Dockerfile"), "utf8");
const instructions = dockerfile
  .replaceAll("\\\n", " ")
  .split("\n")
  .filter((line) => /^[A-Z]+ /.test(line));
const instruction = (name: string) => instructions.filter((line) => line.startsWith(`${name} `));

const BUILD: Build = {
  repository: "registry.example.com/team/cloakroom-gateway",
  version: "1.2.3",
  revision: "0123456789abcdef0123456789abcdef01234567",
  source: "https://git.example.com/team/cloakroom",
  createdSeconds: 1_796_000_000,
  bases: [
    {
      argument: "NODE_IMAGE",
      image: "docker.io/library/node:22.23.2-bookworm-slim",
      digest: `sha256:${"a".repeat(64)}`,
    },
    { argument: "BASE_IMAGE", image: "gcr.io/distroless/cc-debian12:nonroot", digest: `sha256:${"b".repeat(64)}` },
  ],
};

describe("deploy/image/Dockerfile", () => {
  it("the image's bases are build arguments, which the release replaces by digests", () => {
    expect(instruction("FROM").map((line) => line.split(" ")[1])).toEqual(["${NODE_IMAGE}", "${BASE_IMAGE}"]);
    expect(basesOf(dockerfile).map(({ argument }) => argument)).toEqual(["NODE_IMAGE", "BASE_IMAGE"]);
    for (const { image } of basesOf(dockerfile)) expect(image).not.toMatch(/:latest$|^[^:]+$/);
  });

  it("the image has the Node version of the repository, on the Debian release of its base", () => {
    const [node, base] = basesOf(dockerfile).map(({ image }) => image);
    expect(node).toBe(`docker.io/library/node:${readFileSync(join(ROOT, ".nvmrc"), "utf8").trim()}-bookworm-slim`);
    expect(base).toMatch(/-debian12:/);
  });

  it("the image is built without running a program, so that no platform needs emulation", () => {
    expect(instruction("RUN")).toEqual([]);
  });

  it("the image starts without a shell, with a user id and a health check", () => {
    for (const name of ["ENTRYPOINT", "CMD"])
      expect(instruction(name)).toEqual([expect.stringMatching(/^\w+ \[".+"\]$/)]);
    expect(instruction("USER")).toEqual(["USER 1000:1000"]);
    expect(instruction("HEALTHCHECK")).toEqual([
      expect.stringMatching(/ CMD \["\/usr\/local\/bin\/node", "\/srv\/health\.mjs"\]$/),
    ]);
  });
});

describe("npm run release:image", () => {
  const args = buildArguments(BUILD);

  it("the build covers both platforms with SBOM and provenance", () => {
    expect(PLATFORMS).toEqual(["linux/amd64", "linux/arm64"]);
    expect(args).toEqual(
      expect.arrayContaining(["--platform=linux/amd64,linux/arm64", "--sbom=true", "--provenance=mode=max"]),
    );
  });

  it("the build pins each base by digest", () => {
    const pinned = args.filter((arg) => arg.startsWith("--build-arg=") && arg.includes("_IMAGE="));
    expect(pinned).toHaveLength(basesOf(dockerfile).length);
    for (const arg of pinned) expect(arg).toMatch(/^--build-arg=\w+_IMAGE=[\w./-]+:[\w.-]+@sha256:[\da-f]{64}$/);
  });

  it("the build sets one tag, that of the version", () => {
    expect(args.filter((arg) => arg.startsWith("--tag="))).toEqual([`--tag=${BUILD.repository}:1.2.3`]);
  });

  it.each([
    ["source", "https://git.example.com/team/cloakroom"],
    ["revision", "0123456789abcdef0123456789abcdef01234567"],
    ["version", "1.2.3"],
    ["licenses", "Apache-2.0"],
    ["created", new Date(BUILD.createdSeconds * 1_000).toISOString()],
    ["base.name", "gcr.io/distroless/cc-debian12:nonroot"],
    ["base.digest", `sha256:${"b".repeat(64)}`],
  ])("the build sets the OCI label and annotation %s", (name, value) => {
    expect(args).toContain(`--label=org.opencontainers.image.${name}=${value}`);
    expect(args).toContain(`--annotation=index,manifest:org.opencontainers.image.${name}=${value}`);
  });

  it("the build leaves out a label without a value", () => {
    expect(buildArguments({ ...BUILD, source: "" }).filter((arg) => arg.includes("image.source"))).toEqual([]);
  });

  it.each([
    undefined,
    "",
    "cloakroom",
    "cloakroom/gateway",
    "library/cloakroom/gateway",
    "registry.example.com",
    "registry.example.com/",
    "registry.example.com//gateway",
    "registry.example.com/gateway:1.0.0",
    "registry.example.com/Gateway",
    "registry.example.com/gateway --push",
  ])("the repository %j is rejected", (repository) => {
    expect(() => checkedRepository(repository)).toThrow(/--repository=/);
  });

  it.each([
    "registry.example.com/gateway",
    "localhost:5000/team/gateway",
    "ghcr.io/owner/cloakroom-gateway",
    "localhost/x",
  ])("the repository %j is accepted", (repository) => expect(checkedRepository(repository)).toBe(repository));
});

describe("the bill of materials", () => {
  const component = (name: string, more: Partial<Component> = {}): Component => ({
    "bom-ref": `${name}@1.0.0`,
    type: "library",
    name,
    version: "1.0.0",
    purl: `pkg:npm/${name.replace("@", "%40")}@1.0.0`,
    ...more,
  });
  const document = (timestamp: string): Sbom => ({
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    serialNumber: `urn:uuid:${timestamp}`,
    version: 1,
    metadata: { timestamp, component: component("cloakroom") },
    components: [component("@cloakroom/gateway", { name: "bff", scope: "required" }), component("koa")],
    dependencies: [
      { ref: "cloakroom@1.0.0", dependsOn: ["@cloakroom/gateway@1.0.0"] },
      { ref: "@cloakroom/gateway@1.0.0", dependsOn: ["koa@1.0.0"] },
      { ref: "koa@1.0.0", dependsOn: [] },
    ],
  });

  it("the gateway is the subject, and the repository is not part of it", () => {
    const { metadata, components, dependencies } = gatewaySbom(document("2026-11-30T00:00:00Z"));
    expect(metadata.component).toMatchObject({ name: "@cloakroom/gateway", type: "application" });
    expect(components).toEqual([component("koa")]);
    expect(dependencies.map(({ ref }) => ref)).toEqual(["@cloakroom/gateway@1.0.0", "koa@1.0.0"]);
  });

  it("two documents of the same dependencies are equal, whenever npm writes them", () => {
    const first = gatewaySbom(document("2026-11-30T00:00:00Z"));
    expect(gatewaySbom(document("2026-12-01T00:00:00Z"))).toEqual(first);
    expect(first.serialNumber).toMatch(/^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });

  it("a document without the gateway is an error", () => {
    expect(() => gatewaySbom({ ...document(""), components: [] })).toThrow("@cloakroom/gateway");
  });
});
