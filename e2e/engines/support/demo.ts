// The program behind `npm start`, on free ports.
import { fileURLToPath } from "node:url";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { waitForLine, startProgram } from "./program.ts";

export type Demo = {
  readonly origin: string;
  /** stdout and stderr. */
  output: () => string;
  stop: () => Promise<void>;
};

const MAIN = fileURLToPath(new URL("../../../demo/src/main.ts", import.meta.url));
const PORTS = ["PORT", "MANAGEMENT_PORT", "PROVIDER_PORT", "API_PORT"];

export async function startDemo(settings: Record<string, string> = {}): Promise<Demo> {
  const ports: Record<string, string> = {};
  for (const name of PORTS) ports[name] = String(await freePort());
  const program = startProgram(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN], {
    ...ports,
    // Empty: the launcher starts its own Redis.
    REDIS_URL: "",
    ...settings,
  });
  await waitForLine(program, (line) => line.includes("Cloakroom is running"));
  return { origin: `http://localhost:${ports["PORT"]}`, output: program.output, stop: program.stop };
}
