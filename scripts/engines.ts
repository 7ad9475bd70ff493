// The scenarios alone: npm run e2e:engines; one engine: -- --engine webkit; other options go to Playwright.
import { buildSpa } from "@cloakroom/demo/launcher/spa-build.ts";
import { countLine } from "@cloakroom/testkit/counts.ts";
import { runEngines } from "./engines-run.ts";
import { ensureChromium, ensureRedis } from "@cloakroom/testkit/prerequisites.ts";

/** Engines are Playwright projects. One argument each: Playwright takes all that follow `--project` for projects. */
function playwrightOptions([first, ...rest]: readonly string[]): string[] {
  if (first === undefined) return [];
  if (first !== "--engine") return [first.replace(/^--engine=/, "--project="), ...playwrightOptions(rest)];
  return [`--project=${rest[0] ?? ""}`, ...playwrightOptions(rest.slice(1))];
}

try {
  await buildSpa(console.log);
  const options = playwrightOptions(process.argv.slice(2));
  const count = runEngines({ ...process.env, REDIS_SERVER: ensureRedis(), CHROMIUM: await ensureChromium() }, options);
  console.log(`\n${countLine(count)}`);
  process.exitCode = count.failed === 0 && count.passed > 0 ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
