// Test workers choose ports at the same time; two that get the same one make the second server fail at its start.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";

const PROGRAM = `
import { freePort } from ${JSON.stringify(new URL("../src/free-port.ts", import.meta.url).href)};
const ports = [];
for (let count = 0; count < 200; count++) ports.push(await freePort());
process.stdout.write(JSON.stringify(ports) + "\\n");
process.stdin.resume();
`;

test("processes that choose ports at the same time never get the same one", async () => {
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, ["--input-type=module", "--eval", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  try {
    const lines = await Promise.all(children.map(async ({ stdout }) => String((await once(stdout, "data"))[0])));
    const ports = lines.flatMap((line) => JSON.parse(line) as number[]);
    expect(new Set(ports).size).toBe(600);
  } finally {
    for (const { stdin } of children) stdin.destroy();
  }
});
