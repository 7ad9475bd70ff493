#!/usr/bin/env node
// npm create cloakroom. Plain JavaScript, so that an old Node version can say so.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(`create-cloakroom needs Node 22.22 or later and found ${process.versions.node}.\n`);
  process.exit(1);
}
// A reader that has gone, as after `| head`, does not change what the command does.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error) => {
    if (error.code !== "EPIPE") throw error;
  });
const { main } = await import("../src/main.ts");
process.exitCode = await main(process.argv.slice(2));
