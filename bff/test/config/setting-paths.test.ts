// The path and scope of every setting in cloakroom.yaml.
import { expect, it } from "vitest";
import { SETTINGS, type Setting } from "../../src/config/settings.ts";

const settings = Object.entries<Setting>(SETTINGS);

it.each(settings)("%s has a path of camel-case names and a scope", (_name, { path, scope }) => {
  expect(path).toMatch(/^[a-z][a-zA-Z0-9]*(\.[a-z][a-zA-Z0-9]*)*$/);
  expect(["server", "application"]).toContain(scope);
});

it("every path belongs to one setting, and none lies inside another", () => {
  const overlaps = settings.flatMap(([name, { path }]) =>
    settings
      .filter(([other, each]) => other !== name && `${each.path}.`.startsWith(`${path}.`))
      .map(([other, each]) => `${name} (${path}) and ${other} (${each.path})`),
  );
  expect(overlaps).toEqual([]);
});
