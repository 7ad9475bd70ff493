// Log output whose reader has gone (`cloakroom start | tee`): a shutdown ends all the same.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach, expect, it } from "vitest";

const PROGRAM = `
import { createLogDestination, createSharedLogDestination } from ${JSON.stringify(new URL("../../src/logging/log-destination.ts", import.meta.url).href)};
const destination = process.argv[1] === "shared" ? createSharedLogDestination() : createLogDestination();
destination.write("first\\n");
destination.flush();
process.on("SIGTERM", () => {
  for (let count = 0; count < 3_000; count++) destination.write("x".repeat(999) + "\\n");
  destination.flushSync();
  process.exit(7);
});
setInterval(() => undefined, 1_000);
`;

let child: ChildProcess;
afterEach(() => void child.kill("SIGKILL"));

async function startWriter(kind: string): Promise<ChildProcess> {
  child = spawn(process.execPath, ["--input-type=module", "--eval", PROGRAM, kind], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout! });
  await once(lines, "line");
  lines.close();
  return child;
}

it.each(["own", "shared"])("a process whose %s output has lost its reader ends", async (kind) => {
  const writer = await startWriter(kind);
  writer.stdout!.destroy();
  const exited = once(writer, "exit");
  writer.kill("SIGTERM");
  expect(await exited).toEqual([7, null]);
});
