#!/usr/bin/env node
// `cloakroom-provider`: the OpenID Provider for tests and development. Plain JavaScript, so that an old Node version can say so.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(`cloakroom-provider needs Node 22.22 or later and found ${process.versions.node}.\n`);
  process.exit(1);
}
// A reader that has gone, as after `| head`, does not change what the command does.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error) => {
    if (error.code !== "EPIPE") throw error;
  });
await import("../src/provider-command.ts");
