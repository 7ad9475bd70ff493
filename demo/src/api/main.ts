// Entry point of the stand-alone resource API: settings from the environment, graceful shutdown on SIGTERM or SIGINT.
import { loadApiSettings } from "./settings.ts";
import { startResourceApi } from "./start-resource-api.ts";

const loaded = loadApiSettings(process.env);
if ("errors" in loaded) {
  process.stderr.write(`The API cannot start:\n${loaded.errors.map((error) => `  - ${error}\n`).join("")}`);
  process.exit(1);
}

const api = await startResourceApi({
  ...loaded.settings,
  onError: (error) =>
    process.stderr.write(`${JSON.stringify({ error: error instanceof Error ? error.name : typeof error })}\n`),
});
process.stdout.write(`Resource API listening on ${api.url}, accepts tokens of ${loaded.settings.issuer}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void api.stop());
