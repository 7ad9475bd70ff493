// Subjects of commits that npm run check accepts and rejects.
import { expect, it } from "vitest";
import { subjectError } from "../commit-subjects.ts";

it.each(["fix(proxy): drop hop-by-hop headers", "feat!: rename a setting", "docs: list the guides", "test(e2e): wait"])(
  "the commit check accepts %s",
  (subject) => {
    expect(subjectError(subject)).toBeUndefined();
  },
);

it.each(["Fix the proxy", "wip", "fix: ", "feature: add a setting", "fix(a, b): two scopes", `fix: ${"x".repeat(68)}`])(
  "the commit check rejects %s",
  (subject) => {
    expect(subjectError(subject)).toBeDefined();
  },
);
