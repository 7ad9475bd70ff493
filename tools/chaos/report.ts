// Renders the results as Markdown tables for docs/development/reliability.md.
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import type { Result, Size } from "./scenario.ts";

export function table(results: readonly Result[], size: Size): string {
  return [
    `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores, Node ${process.versions.node}, ` +
      `${size} counts; 3 instances, load balancer, links, Redis, provider and API share the machine.`,
    "",
    "| scenario | checked | not 200 | violations | verdict | details |",
    "|---|--:|--:|--:|---|---|",
    ...results.map(
      ({ name, checked, failures, violations, details }) =>
        `| ${name} | ${checked} | ${failures} | ${violations.length} | ` +
        `${violations.length === 0 ? "holds" : "**violated**"} | ${details} |`,
    ),
  ].join("\n");
}

export type Detection = { breaks: string; scenario: string; detected: boolean; firstViolation: string };

export function brokenTable(results: readonly Detection[]): string {
  return [
    "| broken build | scenario | verdict | first violation |",
    "|---|---|---|---|",
    ...results.map(
      ({ breaks, scenario, detected, firstViolation }) =>
        `| ${breaks} | ${scenario} | ${detected ? "detected" : "**survived**"} | ${firstViolation} |`,
    ),
  ].join("\n");
}

/** Replaces the text between the comments `<!-- name -->` and `<!-- end of name -->`. */
export function writeTable(name: string, text: string): void {
  const file = join(import.meta.dirname, "../../docs/development/reliability.md");
  const page = readFileSync(file, "utf8");
  const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from === -1 || to === -1) throw new Error("docs/development/reliability.md lacks the comments of its tables");
  writeFileSync(file, `${page.slice(0, from)}${start}\n${text}\n${page.slice(to)}`);
}
