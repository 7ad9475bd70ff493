// .github/ and the files beside it agree with the repository: npm scripts, permissions, time limits, the version of Node.
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ROOT } from "@cloakroom/testkit/bin.ts";

type Step = { uses?: string; run?: string; with?: Record<string, unknown> };
type Job = {
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

/** Named by the workflows and not in package.json yet. */
const PLANNED_SCRIPTS = ["setup", "test:unit", "test:integration", "test:all", "coverage"];

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
    const known = [...Object.keys(packageJson.scripts), ...PLANNED_SCRIPTS];
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it.each(jobs)(
    "the workflow $name has a time limit and at most the permissions that it states",
    ({ workflow, job }) => {
      expect(job["timeout-minutes"]).toBeLessThanOrEqual(60);
      expect(job.permissions ?? workflow.permissions).toBeDefined();
      expect(Object.values(workflow.permissions ?? {})).not.toContain("write");
    },
  );

  it.each(jobs)("the workflow $name pins its actions and keeps no credentials in the checkout", ({ job }) => {
    const actions = job.steps.filter(({ uses }) => uses !== undefined);
    for (const { uses } of actions) expect(uses).toMatch(/^[\w-]+\/[\w/-]+@(?:v\d+|[0-9a-f]{40})$/);
    for (const step of actions.filter(({ uses = "" }) => uses.startsWith("actions/checkout@")))
      expect(step.with?.["persist-credentials"]).toBe(false);
  });

  it.each(workflows)("the workflow $file states that it has not been run yet", ({ text }) => {
    expect(text).toMatch(/^# Not run yet: /m);
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
