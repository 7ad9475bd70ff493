// npm run release:image -- --repository=HOST/PATH: builds the image of deploy/image/Dockerfile for all platforms with Buildx and
// pushes it, with bases pinned by digest, OCI labels, SBOM and provenance attestations. Writes its digest to dist-image.json.
// Not run yet: the machine where it was written has no container engine. The command line is tested (scripts/test/image.test.ts).
import { spawnSync, type StdioOptions } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { runCommandLine } from "./run-command-line.ts";
import { sharedVersion } from "./shared-version.ts";

export const PLATFORMS = ["linux/amd64", "linux/arm64"] as const;

export type Base = { argument: string; image: string; digest: string };
export type Build = {
  repository: string;
  version: string;
  /** Commit. */
  revision: string;
  /** URL of the source code. */
  source: string;
  /** Time of the commit, in seconds since 1970: the same commit gives the same image. */
  createdSeconds: number;
  bases: readonly Base[];
};

const DOCKERFILE = join("deploy", "image", "Dockerfile");
const METADATA = "dist-image.json";

/** @returns the arguments of Docker */
export function buildArguments({ repository, version, revision, source, createdSeconds, bases }: Build): string[] {
  const base = bases.find(({ argument }) => argument === "BASE_IMAGE");
  const metadata = Object.entries({
    "org.opencontainers.image.created": new Date(createdSeconds * 1_000).toISOString(),
    "org.opencontainers.image.version": version,
    "org.opencontainers.image.revision": revision,
    "org.opencontainers.image.source": source,
    "org.opencontainers.image.licenses": "Apache-2.0",
    "org.opencontainers.image.base.name": base?.image ?? "",
    "org.opencontainers.image.base.digest": base?.digest ?? "",
  }).filter(([, value]) => value !== "");
  return [
    ...["buildx", "build", `--file=${DOCKERFILE}`, `--platform=${PLATFORMS.join(",")}`],
    ...bases.map(({ argument, image, digest }) => `--build-arg=${argument}=${image}@${digest}`),
    `--build-arg=SOURCE_DATE_EPOCH=${createdSeconds}`,
    ...metadata.map(([name, value]) => `--label=${name}=${value}`),
    ...metadata.map(([name, value]) => `--annotation=index,manifest:${name}=${value}`),
    ...["--sbom=true", "--provenance=mode=max", `--tag=${repository}:${version}`],
    ...["--output=type=image,push=true,rewrite-timestamp=true", `--metadata-file=${METADATA}`, "dist-image"],
  ];
}

/** @returns the images of the Dockerfile's build arguments */
export function basesOf(dockerfile: string): { argument: string; image: string }[] {
  return [...dockerfile.matchAll(/^ARG (\w+_IMAGE)=(\S+)$/gm)].map(([, argument = "", image = ""]) => ({
    argument,
    image,
  }));
}

/**
 * @returns the repository
 * @throws Error if it names no registry: Docker would use a name at Docker Hub that can belong to another project
 */
export function checkedRepository(repository: string | undefined): string {
  const [host = "", ...path] = (repository ?? "").split("/");
  if (repository === undefined || path.length === 0 || !/[.:]|^localhost$/.test(host))
    throw new Error("--repository=HOST/PATH is required, for example registry.example.com/team/cloakroom-gateway.");
  if (!/^[a-z\d][a-z\d./:_-]*$/.test(repository) || path.some((part) => part === "" || part.includes(":")))
    throw new Error(`--repository=${repository}: lower case, without a tag.`);
  return repository;
}

/** @returns the digest of the image for all platforms; an image that is pinned already keeps its digest */
function pin({ argument, image }: { argument: string; image: string }): Base {
  const [name = "", pinned] = image.split("@");
  if (pinned !== undefined) return { argument, image: name, digest: pinned };
  const output = run("docker", ["buildx", "imagetools", "inspect", name, "--format", "{{json .Manifest}}"]);
  const { digest } = JSON.parse(output) as { digest?: string };
  if (digest === undefined || !/^sha256:[\da-f]{64}$/.test(digest)) throw new Error(`No digest of ${name}: ${output}`);
  return { argument, image: name, digest };
}

function run(command: string, args: readonly string[]): string {
  const stdio: StdioOptions = ["ignore", "pipe", "inherit"];
  const { status, stdout, error } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", stdio });
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")} failed${error === undefined ? "" : `: ${error.message}`}.`);
  return stdout.trim();
}

function main(): void {
  const { values } = parseArgs({ options: { repository: { type: "string" }, source: { type: "string" } } });
  const repository = checkedRepository(values.repository);
  const bases = basesOf(readFileSync(join(ROOT, DOCKERFILE), "utf8")).map(pin);
  const createdSeconds = Number(run("git", ["log", "-1", "--format=%ct"]));
  const revision = run("git", ["rev-parse", "HEAD"]);
  const build = { repository, version: sharedVersion(), revision, source: values.source ?? "", createdSeconds, bases };
  run("docker", buildArguments(build));
  const metadata = JSON.parse(readFileSync(join(ROOT, METADATA), "utf8")) as { "containerimage.digest": string };
  const digest = metadata["containerimage.digest"];
  writeFileSync(join(ROOT, METADATA), `${JSON.stringify({ image: `${repository}@${digest}`, bases }, null, 2)}\n`);
  console.log(`${repository}@${digest}`);
}

if (import.meta.main) runCommandLine(main);
