// The scenarios alone: npm run e2e:engines; one engine: -- --engine webkit; other options go to Playwright.
import { buildSpa } from "../demo/src/launcher/spa-build.ts";
import { countLine } from "./counts.ts";
import { runEngines } from "./engines-run.ts";
import { ensureChromium, ensureRedis } from "./prerequisites.ts";

/** Engines are Playwright projects. */
const options = process.argv.slice(2).map((arg) => arg.replace(/^--engine(?==|$)/, "--project"));

try {
  await buildSpa(console.log);
  const count = runEngines({ ...process.env, REDIS_SERVER: ensureRedis(), CHROMIUM: await ensureChromium() }, options);
  console.log(`\n${countLine(count)}`);
  process.exitCode = count.failed === 0 && count.passed > 0 ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
