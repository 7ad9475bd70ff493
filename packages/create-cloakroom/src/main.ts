// The command `create-cloakroom [folder]`: options, the one question, and the messages.
import { basename, relative, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { CreateError, createProject } from "./create-project.ts";
import { packageName } from "./package-name.ts";
import { commandsOf, packageManagerOf, type Commands } from "./package-manager.ts";
import { isTemplate, TEMPLATES } from "./template-files.ts";

const HELP = `Creates a web app behind a Cloakroom gateway.

  npm create cloakroom [folder] -- [--template ${TEMPLATES.join("|")}]

Options:
  --template NAME    ${TEMPLATES.join(" or ")}; default: ${TEMPLATES[0]}
  --packages FOLDER  installs the packages of Cloakroom from tarballs in this folder, as npm pack writes them
                     (or the variable CLOAKROOM_PACKAGES)
  --help

Exit codes: 0 created, 1 not created, 2 usage error.
`;

const DEFAULT_FOLDER = "cloakroom-app";

export type Terminal = {
  out: (text: string) => void;
  error: (text: string) => void;
  /** Undefined without an interactive terminal, such as in CI. */
  ask: ((question: string) => Promise<string>) | undefined;
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
};

/** @returns the exit code */
export async function main(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const { out, error, cwd, env } = terminal;
  const usageError = (text: string): number => {
    error(`${text}\n\n${HELP}`);
    return 2;
  };
  const options = parse(args);
  if (typeof options === "string") return usageError(options);
  const { values, positionals } = options;
  if (values.help === true) {
    out(HELP);
    return 0;
  }
  if (positionals.length > 1)
    return usageError(`Expected one folder, got ${positionals.length}: ${positionals.join(", ")}.`);
  // npm takes options without a preceding `--` for its own and passes them on as variables.
  const template = values.template ?? env["npm_config_template"] ?? TEMPLATES[0];
  if (!isTemplate(template)) return usageError(`Unknown template ${template}; known: ${TEMPLATES.join(", ")}.`);
  const packages = values.packages ?? env["npm_config_packages"] ?? env["CLOAKROOM_PACKAGES"];
  const chosen = positionals[0] ?? (await terminal.ask?.(`Folder (${DEFAULT_FOLDER}): `))?.trim();
  const folder = resolve(cwd, chosen === undefined || chosen === "" ? DEFAULT_FOLDER : chosen);
  const manager = packageManagerOf(env["npm_config_user_agent"]);
  try {
    const name = packageName(basename(folder));
    createProject({
      ...{ folder, name, template, manager },
      ...(packages === undefined || packages === "" ? {} : { packages: resolve(cwd, packages) }),
    });
  } catch (cause) {
    if (!(cause instanceof CreateError)) throw cause;
    error(`${cause.message}\n`);
    return 1;
  }
  out(nextSteps(relative(cwd, folder), commandsOf(manager)));
  return 0;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        template: { type: "string", short: "t" },
        packages: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    // Node's message names the option.
    return error instanceof Error ? error.message : "The options are invalid.";
  }
}

/** @param path of the folder, empty for the current one */
function nextSteps(path: string, { install, dev }: Commands): string {
  const quoted = /^[\w./\\][\w./\\-]*$/.test(path) ? path : inQuotes(path);
  const lines = [...(path === "" ? [] : [`cd ${quoted}`]), install, dev];
  return `
Created. Next:

${lines.map((line) => `  ${line}`).join("\n")}

Then open http://localhost:3000 and log in as alice with alice-demo-password.
To use your own OpenID Provider, see README.md.
`;
}

/** The text is pasted into a shell: POSIX shells expand `$` and backticks in double quotes, cmd knows no others. */
function inQuotes(path: string): string {
  const target = path.startsWith("-") ? `./${path}` : path;
  return /["$`!]/.test(target) ? `'${target.replaceAll("'", "'\\''")}'` : `"${target}"`;
}

function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  const ask = async (question: string): Promise<string> => {
    const prompt = createInterface({ input: stdin, output: stdout });
    try {
      return await prompt.question(question);
    } finally {
      prompt.close();
    }
  };
  return {
    out: (text) => void stdout.write(text),
    error: (text) => void stderr.write(text),
    ask: stdin.isTTY && stdout.isTTY ? ask : undefined,
    cwd: process.cwd(),
    env: process.env,
  };
}
