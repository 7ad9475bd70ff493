// Entry point of npm start and npm run dev: runs the whole system on one machine until Ctrl-C.
import { launch } from "./launcher/launch.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `Cloakroom needs Node 22.22 or later and found ${process.versions.node}. Run it with npm start after npm ci, which installs one.\n`,
  );
  process.exit(1);
}

const print = (line: string) => void process.stdout.write(`${line}\n`);
let onGatewayExit = (): void => undefined;
const shutdown = new Promise<"signal" | "gateway">((resolve) => {
  // Ctrl-C arrives twice, from the terminal and from npm; the second one has no effect.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve("signal"));
  onGatewayExit = () => resolve("gateway");
  onParentExit(() => resolve("signal"));
});

const launched = await launch({
  env: process.env,
  isDev: process.argv.includes("--dev"),
  print,
  onGatewayExit: () => onGatewayExit(),
});
if (launched.kind === "failed") {
  process.stderr.write(`${launched.message}\n`);
  process.exit(1);
}
const cause = await shutdown;
print("\nStopping …");
await launched.stop();
print("Stopped.");
process.exit(cause === "signal" ? 0 : 1);

/** npm sends SIGTERM only to the shell between npm and this process, which exits without forwarding it. */
function onParentExit(callback: () => void): void {
  if (process.env["npm_lifecycle_event"] === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) callback();
  }, 500);
  watch.unref();
}
