// The results as a table, for people, with the conditions under which they were seen.
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import type { Result, Size } from "./scenario.ts";

export function table(results: readonly Result[], size: Size): string {
  return [
    `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, Node ${process.versions.node}, ` +
      `${size} counts; 3 instances, balancer, links, Redis, provider and API share the machine.`,
    "",
    "| scenario | checked | not answered 200 | broken invariants | verdict | seen |",
    "|---|--:|--:|--:|---|---|",
    ...results.map(
      ({ name, checked, failures, violations, seen }) =>
        `| ${name} | ${checked} | ${failures} | ${violations.length} | ` +
        `${violations.length === 0 ? "holds" : "**broken**"} | ${seen} |`,
    ),
  ].join("\n");
}

export type Noticed = { breaks: string; scenario: string; noticed: boolean; how: string };

export function brokenTable(results: readonly Noticed[]): string {
  return [
    "| broken build | scenario | verdict | what it saw first |",
    "|---|---|---|---|",
    ...results.map(
      ({ breaks, scenario, noticed, how }) =>
        `| ${breaks} | ${scenario} | ${noticed ? "noticed" : "**survived**"} | ${how} |`,
    ),
  ].join("\n");
}

/** @param name of the two comments that it is put between */
export function writeTable(name: string, text: string): void {
  const file = join(import.meta.dirname, "../../docs/development/reliability.md");
  const page = readFileSync(file, "utf8");
  const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from === -1 || to === -1) throw new Error("docs/development/reliability.md has lost its markers");
  writeFileSync(file, `${page.slice(0, from)}${start}\n${text}\n${page.slice(to)}`);
}
