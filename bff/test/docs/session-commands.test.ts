// Commands of `cloakroom sessions` in the documents: each has the arguments that the command accepts.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { parseAdminArguments } from "../../src/cli/sessions-arguments.ts";

const COMMAND = /(?:cloakroom(?:\.mjs)? sessions|sessions -w bff --) +([a-z-][^`\n|&;),]*)/g;

const commands = globSync(["README.md", "bff/README.md", "docs/{guides,reference,providers}/*.md"], {
  cwd: ROOT,
}).flatMap((file) =>
  [...readFileSync(join(ROOT, file), "utf8").matchAll(COMMAND)]
    .map(([, args = ""]) => args.trim())
    .filter((args) => !args.includes("…"))
    .map((args): [string, string] => [file, args]),
);

it("the documents contain commands of cloakroom sessions", () => {
  expect(commands.length).toBeGreaterThan(5);
});

it.each(commands)("%s: cloakroom sessions accepts the arguments %s", (_file, args) => {
  expect(() => parseAdminArguments(args.split(/\s+/))).not.toThrow();
});
