// npm start and npm run dev: the whole system on one machine, until Ctrl-C.
import { launch } from "./launcher/launch.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `Cloakroom needs Node.js 22.22 or newer; this is ${process.version}. Run it with npm start after npm ci, which installs one.\n`,
  );
  process.exit(1);
}

const say = (line: string) => void process.stdout.write(`${line}\n`);
let endRequested: (() => void) | undefined;
const end = new Promise<"signal" | "gateway">((resolve) => {
  // npm passes the terminal's Ctrl-C on, so that it arrives twice: the second one means nothing.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve("signal"));
  endRequested = () => resolve("gateway");
  onParentGone(() => resolve("signal"));
});

const launched = await launch({
  env: process.env,
  isDev: process.argv.includes("--dev"),
  say,
  onEnd: () => endRequested?.(),
});
if (launched.kind === "failed") {
  process.stderr.write(`${launched.message}\n`);
  process.exit(1);
}
const why = await end;
say("\nStopping …");
await launched.stop();
say("Stopped.");
process.exit(why === "signal" ? 0 : 1);

/** npm passes SIGTERM to the shell between us, and that dies of it without telling us. */
function onParentGone(callback: () => void): void {
  if (process.env["npm_lifecycle_event"] === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) callback();
  }, 500);
  watch.unref();
}
