// npm run setup: installs the programs that the tests need. Names limit it to some of them: npm run setup -- redis chromium
import { installPrograms } from "@cloakroom/testkit/install-programs.ts";
import {
  ALL_PROGRAMS,
  debianPackages,
  isOptional,
  missingPrograms,
  type ProgramName,
} from "@cloakroom/testkit/programs.ts";

/** Exits with 0 if only optional programs stay missing: their tests are skipped. */
function main(): void {
  const names = process.argv.slice(2) as ProgramName[];
  const unknown = names.filter((name) => !ALL_PROGRAMS.includes(name));
  if (unknown.length > 0) {
    console.error(`Unknown program ${unknown.join(", ")}; known: ${ALL_PROGRAMS.join(", ")}.`);
    process.exitCode = 1;
    return;
  }
  const wanted = names.length === 0 ? ALL_PROGRAMS : names;
  installPrograms(missingPrograms(wanted));
  const missing = missingPrograms(wanted);
  const required = missing.filter((name) => !isOptional(name));
  if (missing.length === 0) return console.log("All programs are installed.");
  const packages = debianPackages(missing);
  const cure = packages.length === 0 ? "Install Go and Python's pip." : `Debian packages: ${packages.join(" ")}.`;
  console.error(`Not installed: ${missing.join(", ")}. ${cure}`);
  if (required.length > 0) process.exitCode = 1;
}

main();
