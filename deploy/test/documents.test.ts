// Checks the commands in the docs: scripts exist, run on Node 20 and create only files that git ignores.
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const pages = [
  "README.md",
  "docker-compose.yml",
  "deploy/tls/local.env",
  ...globSync("docs/**/*.md", { cwd: root }),
].map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));

/** Commands in sh blocks, with continued lines joined, in backticks and in comments. */
const commands = pages.flatMap(({ file, text }) => {
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = ""]) =>
    block.replaceAll("\\\n", " ").split("\n"),
  );
  const inline = [...text.replaceAll(/```[\s\S]*?```/g, "").matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
  const commented = [...text.matchAll(/^\s*# .*?(docker compose [^.(]+)/gm)].map(([, code = ""]) => code);
  return [...blocks, ...inline, ...commented].map((line) => ({ file, line: line.trim() }));
});
const matching = (pattern: RegExp) =>
  commands.flatMap(({ file, line }) => [...line.matchAll(pattern)].map((match) => ({ file, line, match })));

describe("documented commands", () => {
  // Node 20 is supported: npm scripts use the Node that npm ci installs; containers have their own.
  it("documented commands run TypeScript through npm scripts or in a container only", () => {
    const direct = matching(/\bnode\b[^|;&]*\.m?ts\b/g).filter(
      ({ line }) => !/docker compose (exec|run)|kubectl exec/.test(line),
    );
    expect(direct.map(({ file, line }) => `${file}: ${line}`)).toEqual([]);
  });

  it("documented commands use npm scripts that exist", () => {
    const scriptsOf = (folder: string) =>
      (JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as { scripts: Record<string, string> })
        .scripts;
    const used = matching(/\bnpm (?:(start|test)\b|run (?:-s |--silent )?([\w:-]+))(?: -w (\w+))?/g);
    expect(used.length).toBeGreaterThan(30);
    for (const { file, line, match } of used) {
      const [, short, long, workspace = "."] = match;
      expect([file, line, Object.keys(scriptsOf(workspace))]).toEqual([
        file,
        line,
        expect.arrayContaining([short ?? long]) as string[],
      ]);
    }
  });

  it("documented commands remove one-shot containers with --rm", () => {
    for (const { file, line } of matching(/docker compose run\b/g))
      expect([file, line]).toEqual([file, expect.stringMatching(/docker compose run(?: --user| --rm)/)]);
  });

  it("documented commands mount no relative path with -v, which docker compose 2.26 rejects", () => {
    expect(matching(/-v \.\.?\//g)).toEqual([]);
  });

  it("documented commands create folders before writing into them", () => {
    const created = new Set(matching(/mkdir -p (\w+)/g).map(({ match }) => match[1]));
    const used = matching(/(?:-C \.\/|\$PWD\/)(\w+)/g).map(({ match }) => match[1]);
    expect(used.length).toBeGreaterThan(2);
    for (const folder of used) expect(created).toContain(folder);
  });
});

describe(".gitignore", () => {
  const isIgnored = (file: string) =>
    spawnSync("git", ["check-ignore", "-q", "--no-index", file], { cwd: root }).status === 0;
  /** Files that the documented commands write. */
  const created = [
    // `=>` is an arrow function.
    ...matching(/(?<!=)>\s*([\w./-]+\.\w+)/g),
    ...matching(/-(?:keyout|out) ([\w./-]+)/g),
    ...matching(/docker compose cp \S+\/([\w.]+) \./g),
    ...matching(/mkdir -p (\w+)/g).map((each) => ({ ...each, match: [each.match[0], `${each.match[1]}/file`] })),
    ...matching(/--from-file=(\.?[\w./-]+\.pem)/g),
  ].map(({ match }) => match[1]!);

  it(".gitignore covers every file that documented commands create", () => {
    expect(created).toEqual(
      expect.arrayContaining([
        ...["backup-key.pem", "backup-certificate.pem", "root.crt", "demo-realm.json"],
        ...["elsewhere/file", "export/file", "secrets/file", "restored/file"],
      ]),
    );
    expect(created.filter((file) => !isIgnored(file))).toEqual([]);
  });

  it.each([
    ".env",
    "deploy/tls/server.key",
    "secrets/gateway/redis_url",
    "deploy/helm/backup-certificate.pem",
    "cloakroom-20261126T021700Z.tar.cms",
    "keycloak.dump",
    "export/demo-realm.json",
    "gateway.log",
    "client.pem",
    // Written by the release commands.
    ...["dist-packages/cloakroom-gateway-0.1.0.tgz", "dist-image/health.mjs", "dist-image.json", "sbom.cdx.json"],
  ])(".gitignore covers %s", (file) => expect(isIgnored(file)).toBe(true));

  it(".gitignore covers no file of the repository", () => {
    const { stdout } = spawnSync("git", ["ls-files", "--cached", "--ignored", "--exclude-standard"], { cwd: root });
    expect(stdout.toString()).toBe("");
    for (const file of ["deploy/keycloak/demo-realm.json", "deploy/tls/local.env"]) expect(isIgnored(file)).toBe(false);
  });
});
