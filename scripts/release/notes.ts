// npm run release:notes -- VERSION: prints the section of a release; exits 1 where CHANGELOG.md has none.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { releaseNotes } from "./changelog.ts";

const version = process.argv[2] ?? "";
const notes = releaseNotes(readFileSync(join(ROOT, "CHANGELOG.md"), "utf8"), version);
if (notes === undefined) {
  console.error(`CHANGELOG.md has no section of ${version === "" ? "(no version given)" : version}.`);
  process.exitCode = 1;
} else console.log(notes);
