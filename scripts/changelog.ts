// Check of CHANGELOG.md: each section states whether stored sessions are read, and lists no change twice.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { repeatedEntries, sectionsWithoutCompatibility } from "./release/changelog.ts";

/** @returns one sentence per problem */
export function changelogProblems(changelog: string): string[] {
  return [
    ...sectionsWithoutCompatibility(changelog).map((heading) => `"${heading}" lacks "### Stored sessions".`),
    ...repeatedEntries(changelog).map((pair) => `Two entries state the same. Merge them:\n  ${pair.join("\n  ")}`),
  ];
}

if (import.meta.main) {
  const problems = changelogProblems(readFileSync(join(ROOT, "CHANGELOG.md"), "utf8"));
  for (const problem of problems) console.log(`CHANGELOG.md: ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
