// Run as a process: a Vite server with the plugin for the folder in argv. Prints one line of JSON.
import { startDevServer } from "./project.ts";

const { plugin, origin } = await startDevServer(process.argv[2] ?? ".");
const fault = await plugin.ready();
process.stdout.write(`${JSON.stringify({ origin, fault, gatewayPid: plugin.gatewayPid() })}\n`);
