// .github/ and the files beside it agree with the repository: npm scripts, permissions, time limits, the version of Node.
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ROOT } from "@cloakroom/testkit/bin.ts";

type Step = { uses?: string; run?: string; if?: string; env?: Record<string, string>; with?: Record<string, unknown> };
type Job = {
  if?: string;
  environment?: string;
  "timeout-minutes"?: number;
  permissions?: Record<string, string>;
  strategy?: { matrix: Record<string, unknown[]> };
  steps: Step[];
};
type Workflow = { permissions?: Record<string, string>; jobs: Record<string, Job> };

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const packageJson = JSON.parse(read("package.json")) as {
  scripts: Record<string, string>;
  optionalDependencies: Record<string, string>;
};

/** Permissions to write, by workflow and job. */
const WRITES: Readonly<Record<string, readonly string[]>> = {
  "release.yml version": ["contents", "pull-requests"],
  "release.yml sign": ["attestations", "id-token"],
  "release.yml npm": ["id-token"],
  "release.yml image": ["id-token", "packages"],
  "release.yml chart": ["id-token", "packages"],
  "release.yml notes": ["contents"],
};

const workflows = globSync(".github/workflows/*.yml", { cwd: ROOT }).map((file) => ({
  file,
  text: read(file),
  workflow: parse(read(file)) as Workflow,
}));
const jobs = workflows.flatMap(({ file, workflow }) =>
  Object.entries(workflow.jobs).map(([name, job]) => ({ name: `${basename(file)} ${name}`, workflow, job })),
);

/** Script names of `npm run NAME`, where NAME may be an expression of the matrix; not those of all workspaces. */
function scriptsOf({ steps, strategy }: Job): string[] {
  return steps
    .flatMap(({ run = "" }) => [...run.matchAll(/npm run (?:--silent )?(\$\{\{ matrix\.(\w+) \}\}|[\w:-]+)(.*)/g)])
    .filter(([, , , options = ""]) => !options.includes("--workspaces"))
    .flatMap(([, name = "", key]) => (key === undefined ? [name] : (strategy?.matrix[key] ?? []).map(String)));
}

describe("workflows", () => {
  it("workflows run npm scripts that exist", () => {
    const named = jobs.flatMap(({ job }) => scriptsOf(job));
    expect(named).toContain("check");
    expect(named.filter((name) => !Object.hasOwn(packageJson.scripts, name))).toEqual([]);
  });

  it.each(jobs)(
    "the workflow $name has a time limit and at most the permissions that it states",
    ({ workflow, job }) => {
      expect(job["timeout-minutes"]).toBeLessThanOrEqual(60);
      expect(job.permissions ?? workflow.permissions).toBeDefined();
      expect(Object.values(workflow.permissions ?? {})).not.toContain("write");
    },
  );

  it.each(jobs)("the workflow $name writes what its row allows", ({ name, job }) => {
    const writes = Object.entries(job.permissions ?? {}).filter(([, access]) => access === "write");
    expect(writes.map(([permission]) => permission).sort()).toEqual(WRITES[name] ?? []);
  });

  it("workflows name files and folders of the repository that exist", () => {
    const scripts = jobs.flatMap(({ job }) => job.steps.map(({ run = "" }) => run)).join("\n");
    const named = [...scripts.matchAll(/(?<![\w./-])(?:bff|deploy|docs|packages|scripts|tools)\/[\w./-]+/g)].map(
      ([path]) => path,
    );
    expect(named).toContain("deploy/helm/cloakroom");
    for (const path of named) expect(existsSync(join(ROOT, path)), path).toBe(true);
  });

  // An expression is pasted into the script before the shell reads it: its value could contain commands.
  it.each(jobs)("the workflow $name passes values to scripts in the environment only", ({ job }) => {
    const scripts = job.steps.map(({ run = "" }) => run).join("\n");
    expect([...scripts.matchAll(/\$\{\{(.*?)\}\}/g)].filter(([, name = ""]) => !/^ matrix\.\w+ $/.test(name))).toEqual(
      [],
    );
  });

  it.each(workflows)("the workflow $file names no moving image tag", ({ text }) => {
    expect(text).not.toMatch(/:latest\b/);
  });

  it.each(jobs)("the workflow $name pins its actions and keeps no credentials in the checkout", ({ job }) => {
    const actions = job.steps.filter(({ uses }) => uses !== undefined);
    for (const { uses } of actions) expect(uses).toMatch(/^[\w-]+\/[\w/-]+@(?:v\d+(?:\.\d+\.\d+)?|[0-9a-f]{40})$/);
    for (const step of actions.filter(({ uses = "" }) => uses.startsWith("actions/checkout@")))
      expect(step.with?.["persist-credentials"]).toBe(false);
  });

  it.each(workflows)("the workflow $file states that it has not been run yet", ({ text }) => {
    expect(text).toMatch(/^# Not run yet: /m);
  });
});

describe("release.yml", () => {
  const release = parse(read(".github/workflows/release.yml")) as Workflow;

  it.each([
    ["npm", "vars.NPM_PUBLISH == 'true'"],
    ["image", "vars.IMAGE_REPOSITORY != ''"],
    ["chart", "vars.CHART_REPOSITORY != ''"],
  ])("the job %s publishes only with a repository variable and an environment", (name, condition) => {
    expect(release.jobs[name]).toMatchObject({ if: condition, environment: expect.any(String) as string });
  });

  it("secrets are read in steps that log in, in jobs of an environment", () => {
    for (const { environment, steps } of Object.values(release.jobs))
      for (const { env = {}, run } of steps)
        if (JSON.stringify(env).includes("secrets."))
          expect([environment, run]).toEqual(["images", expect.stringContaining("docker login")]);
    expect(read(".github/workflows/release.yml").match(/secrets\.\w+/g)).toEqual(
      Array(2).fill("secrets.REGISTRY_PASSWORD"),
    );
  });

  it("no job uses a cache, which another workflow could have filled", () => {
    const setups = Object.values(release.jobs).flatMap(({ steps }) =>
      steps.filter(({ uses = "" }) => uses.startsWith("actions/setup-node@")),
    );
    expect(setups.length).toBeGreaterThan(4);
    for (const { with: options } of setups) expect(options).toMatchObject({ "package-manager-cache": false });
    expect(read(".github/workflows/release.yml")).not.toMatch(/actions\/cache|cache: npm|type=gha/);
  });

  it("artifacts that a job downloads are uploaded by another one", () => {
    const named = (action: string) =>
      Object.values(release.jobs)
        .flatMap(({ steps }) => steps.filter(({ uses = "" }) => uses.startsWith(`actions/${action}-artifact@`)))
        .map(({ with: options }) => String(options?.["name"] ?? options?.["pattern"]));
    const uploads = named("upload");
    for (const name of named("download"))
      expect(
        uploads.some((each) => each === name || (name.endsWith("*") && each.startsWith(name.slice(0, -1)))),
        name,
      ).toBe(true);
  });
});

describe("issue forms", () => {
  it.each(globSync(".github/ISSUE_TEMPLATE/*.yml", { cwd: ROOT }))("the issue form %s is valid YAML", (file) => {
    expect(parse(read(file))).toBeTypeOf("object");
  });

  it("the issue forms are the only place that needs the address of the repository", () => {
    const { stdout } = spawnSync("git", ["grep", "--files-with-matches", "github.com/OWNER", "--", ":!scripts/test"], {
      cwd: ROOT,
    });
    expect(stdout.toString().trim()).toBe(".github/ISSUE_TEMPLATE/config.yml");
  });
});

it("the debugger's launch configurations start programs that exist", () => {
  const programs = [...read(".vscode/launch.json").matchAll(/"program": "\$\{workspaceFolder\}\/([^"]+)"/g)];
  expect(programs.length).toBeGreaterThan(1);
  for (const [, program = ""] of programs) expect(existsSync(join(ROOT, program)), program).toBe(true);
});

describe("the version of Node", () => {
  const [pinned = ""] = new Set(Object.values(packageJson.optionalDependencies));

  it("the version of Node is the same in .nvmrc and in package.json", () => {
    expect(read(".nvmrc").trim()).toBe(pinned);
  });

  it.each([...workflows.map(({ file }) => file), ".devcontainer/Dockerfile"])("is the same in %s", (file) => {
    for (const [, version] of read(file).matchAll(/node:(\d+\.\d+\.\d+)/g)) expect(version).toBe(pinned);
  });
});
