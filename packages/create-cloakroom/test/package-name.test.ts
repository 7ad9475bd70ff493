// Names of projects, from the names of their folders.
import { expect, test } from "vitest";
import { CreateError } from "../src/create-error.ts";
import { packageName } from "../src/package-name.ts";

test.each([
  ["my-app", "my-app"],
  ["My App", "my-app"],
  ["Käse & Brot", "kase-brot"],
  [".hidden", "hidden"],
  ["_private", "private"],
  ["@scope", "scope"],
  ["app.example.com", "app.example.com"],
  ["a'b\"c", "a-b-c"],
  ["$(touch x)", "touch-x"],
  ["-rf", "rf"],
  ["x".repeat(300), "x".repeat(214)],
])("%s becomes %s", (folder, name) => {
  expect(packageName(folder)).toBe(name);
});

test.each([
  ["", /contains no letter or digit/],
  ["…", /contains no letter or digit/],
  ["日本", /contains no letter or digit/],
  ["node_modules", /cannot be the name of a project/],
  ["Favicon.ico", /cannot be the name of a project/],
  ["a\nb", /control characters/],
  ["a\u0000b", /control characters/],
])("%j is rejected", (folder, message) => {
  expect(() => packageName(folder)).toThrow(CreateError);
  expect(() => packageName(folder)).toThrow(message);
});
