#!/usr/bin/env node
// `cloakroom <command>`: the gateway's command line. Plain JavaScript, so that an old Node version can say so.
const COMMANDS = {
  start: {
    file: "../src/main.ts",
    about: "start the gateway; `cloakroom start --config FILE`, or settings in the environment",
  },
  init: { file: "../src/cli/init.ts", about: "write a starter cloakroom.yaml; `cloakroom init --help`" },
  check: { file: "../src/cli/check.ts", about: "validate the configuration; `cloakroom check --help`" },
  sessions: { file: "../src/cli/sessions.ts", about: "list and end sessions; `cloakroom sessions --help`" },
};
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 22))
  fail(1, `cloakroom needs Node 22.22 or later and found ${process.versions.node}.`);

const name = process.argv[2] ?? "--help";
// `start` writes its log by itself (log-destination.ts).
if (name !== "start") ignoreClosedOutput();
if (name === "--help" || name === "help") process.stdout.write(usage());
else if (name === "start") {
  takeConfigOption();
  await import(COMMANDS.start.file);
} else if (Object.hasOwn(COMMANDS, name)) {
  process.argv.splice(2, 1);
  await import(COMMANDS[name].file);
} else fail(2, `Unknown command: ${name}\n\n${usage()}`);

function usage() {
  const lines = Object.entries(COMMANDS).map(([command, { about }]) => `  ${command.padEnd(10)}${about}`);
  return ["Usage: cloakroom <command>", "", ...lines, ""].join("\n");
}

/** Workers are started with the remaining arguments, and inherit the environment. */
function takeConfigOption() {
  const [option, file, ...rest] = process.argv.splice(3);
  if (option === undefined) return;
  const [, inline] = /^--config=(.+)$/.exec(option) ?? [];
  const further = inline === undefined ? rest : [file, ...rest].filter((each) => each !== undefined);
  if ((inline ?? (option === "--config" ? file : undefined)) === undefined || further.length > 0)
    fail(2, "Usage: cloakroom start [--config FILE]");
  process.env.CLOAKROOM_CONFIG = inline ?? file;
}

/** A reader that has gone, as after `| head`, does not change what a command does. */
function ignoreClosedOutput() {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error) => {
      if (error.code !== "EPIPE") throw error;
    });
}

function fail(status, message) {
  process.stderr.write(`${message.trimEnd()}\n`);
  process.exit(status);
}
