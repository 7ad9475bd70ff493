// The resource API on its own: reads its settings from the environment and stops on SIGTERM or Ctrl-C.
import { apiOptionsFromEnvironment } from "./settings.ts";
import { startResourceApi } from "./start-api.ts";

const options = apiOptionsFromEnvironment(process.env);
if ("faults" in options) {
  process.stderr.write(`The API cannot start:\n${options.faults.map((fault) => `  - ${fault}\n`).join("")}`);
  process.exit(1);
}

const api = await startResourceApi({
  ...options.settings,
  onError: (error) => process.stderr.write(`${JSON.stringify({ error: error instanceof Error ? error.name : "?" })}\n`),
});
process.stdout.write(`Resource API on ${api.url} for tokens of ${options.settings.issuer}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void api.stop());
