// Initials of display names in several scripts.
import { expect, test } from "vitest";
import { initialsOf } from "../src/shell/initials.ts";

test.each([
  ["Alice Example", "AE"],
  ["Alice", "A"],
  ["alice", "A"],
  ["Maria del Carmen López", "ML"],
  ["alice@example.com", "AC"],
  ["jean-luc.picard", "JP"],
  ["山田 太郎", "山太"],
  ["محمد علی", "مع"],
  ["e\u0301milie zola", "E\u0301Z"],
  ["(Bob) [admin]", "BA"],
  ["3f0d4c1e-6a52", "36"],
  ["  Kim   user-1 ", "K1"],
  ["👩\u200d💻", "👩\u200d💻"],
  ["", ""],
])("the initials of %j are %j", (name, initials) => {
  expect(initialsOf(name)).toBe(initials);
});
