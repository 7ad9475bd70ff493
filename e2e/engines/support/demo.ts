// The system as a user starts it: the program behind `npm start`, with the ports moved to free ones.
import { fileURLToPath } from "node:url";
import { freePort } from "../../../demo/src/free-port.ts";
import { firstLine, startProgram } from "./program.ts";

export type Demo = {
  readonly origin: string;
  /** What the terminal shows. */
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
    // A Redis of the launcher's own, whatever this machine has.
    REDIS_URL: "",
    ...settings,
  });
  await firstLine(program, (line) => line.includes("Cloakroom is running"));
  return { origin: `http://localhost:${ports["PORT"]}`, output: program.output, stop: program.stop };
}
