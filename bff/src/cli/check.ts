// `cloakroom check`: validates the configuration offline, reports all errors at once, and prints the applications with their rows.
import { parseArgs } from "node:util";
import { ConfigError, CONFIG_VARIABLE, configFile, loadGatewayConfig, type GatewayConfig } from "../config/config.ts";
import { settingWords, type SettingWords } from "../config/setting-words.ts";
import { configWarnings } from "../config/warnings.ts";
import { PAGE_RULES } from "../http/spa-files.ts";
import { summary, summaryInWords, type Summary } from "./check-summary.ts";

const HELP = `Validates the configuration of the gateway without starting it or connecting to anything.

  cloakroom check [--config FILE] [--json]

Without --config and ${CONFIG_VARIABLE} the environment variables are validated. --json: one JSON object on stdout.

Exit codes: 0 valid (there may be warnings), 2 usage error, 78 invalid.
`;

process.exitCode = main(process.argv.slice(2));

function main(args: readonly string[]): number {
  const options = parse(args);
  if (typeof options === "string") return print(process.stderr, `${options}\n\n${HELP}`, 2);
  if (options.help === true) return print(process.stdout, HELP, 0);
  const file = options.config ?? configFile();
  const checked = check(file);
  if (options.json === true) return print(process.stdout, `${JSON.stringify(checked)}\n`, checked.valid ? 0 : 78);
  if (!checked.valid)
    return print(
      process.stderr,
      checked.faults.map((fault) => `${fault}\n`).join("") + countInWords(checked.count),
      78,
    );
  return print(process.stdout, inWords(checked), 0);
}

function parse(args: readonly string[]) {
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args: [...args],
      options: { config: { type: "string" }, json: flag, help: { ...flag, short: "h" } },
    }).values;
  } catch (error) {
    // Node's message names the option.
    return error instanceof Error ? error.message : "The options are invalid.";
  }
}

type Checked =
  | { valid: false; faults: readonly string[]; count: number }
  | { valid: true; hash: string; warnings: readonly string[]; applications: readonly Summary[] };

function check(file: string | undefined): Checked {
  try {
    const config = loadGatewayConfig(undefined, file, PAGE_RULES);
    return {
      valid: true,
      hash: config.hash,
      warnings: warningsOf(config, settingWords(undefined, file)),
      applications: config.applications.map(summary),
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { valid: false, faults: error.faults, count: error.count };
  }
}

function warningsOf({ server, applications }: GatewayConfig, { sentence }: SettingWords): string[] {
  const ofApplications = applications.flatMap((each) => configWarnings(each).map(sentence));
  return [...new Set([...server.warnings, ...ofApplications])];
}

function inWords({ hash, warnings, applications }: Extract<Checked, { valid: true }>): string {
  const lines = applications.flatMap(summaryInWords);
  const notes = warnings.map((warning) => `warning: ${warning}`);
  return [...lines, ...notes, `The configuration is valid. Hash ${hash}.`, ""].join("\n");
}

function countInWords(count: number): string {
  return count === 1 ? "One setting is wrong.\n" : `${count} settings are wrong.\n`;
}

function print(stream: NodeJS.WriteStream, text: string, code: number): number {
  stream.write(text);
  return code;
}
