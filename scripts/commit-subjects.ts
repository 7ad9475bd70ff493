// Checks the subjects of commits: Conventional Commits, at most 72 characters. Part of npm run check.
import { spawnSync } from "node:child_process";
import { ROOT } from "@cloakroom/testkit/bin.ts";

const MAX_CHARS = 72;
const SUBJECT = /^(build|chore|ci|docs|feat|fix|perf|refactor|revert|style|test)(\([a-z0-9-]+\))?!?: \S/;
/** Commits up to this one are not checked: the rule was not enforced before. */
const LAST_UNCHECKED = "8e67d6d";

/** @returns the rule that the subject breaks */
export function subjectError(subject: string): string | undefined {
  if (subject.length > MAX_CHARS) return `has ${subject.length} characters, more than ${MAX_CHARS}`;
  return SUBJECT.test(subject) ? undefined : "is not of the form type(scope): subject (Conventional Commits)";
}

/** @returns the subjects since the rule is enforced, without merges; the last one in a shallow clone; none without git */
function subjects(): string[] {
  for (const range of [[`${LAST_UNCHECKED}..HEAD`], ["-1", "HEAD"]]) {
    const { status, stdout } = spawnSync("git", ["log", "--no-merges", "--format=%s", ...range], {
      cwd: ROOT,
      encoding: "utf8",
    });
    if (status === 0) return stdout.split("\n").filter((line) => line !== "");
  }
  return [];
}

if (import.meta.main)
  for (const subject of subjects()) {
    const error = subjectError(subject);
    if (error === undefined) continue;
    console.log(`${JSON.stringify(subject)} ${error}.`);
    process.exitCode = 1;
  }
