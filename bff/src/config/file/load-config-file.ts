// Loads cloakroom.yaml, or an object of the same shape: one application or several. All faults at once, each with its line,
// path and cure.
import { dirname, resolve } from "node:path";
import { assembleConfig, gatewayConfig, type Assembled, type OutsideRules } from "../assemble-config.ts";
import { ConfigError } from "../config-error.ts";
import type { GatewayConfig } from "../config-types.ts";
import type { Environment } from "../read-settings.ts";
import { environmentErrors } from "../setting-rules.ts";
import { readTextFile } from "../setting-text.ts";
import { findUnknownSettings } from "../unknown-settings.ts";
import { applicationErrors } from "./application-rules.ts";
import { applicationSource, createSettingReader, type ApplicationSource } from "./application-source.ts";
import { misplacedVariables, serverVariables } from "./environment-beside-file.ts";
import { faultOfSentence, wordFault } from "./fault-sentences.ts";
import { readObjectTree } from "./object-tree.ts";
import { findSettings } from "./setting-tree.ts";
import type { ReadContext } from "./value-reader.ts";
import { readYamlTree, type Fault, type Tree } from "./yaml-tree.ts";

/** Larger than a file with a thousand applications. */
const MAX_FILE_CHARS = 1024 * 1024;

/** Faults of the environment have no line. */
const NO_LINE = { line: 0, column: 0 };

/**
 * Whose environment it is. `gateway`: settings of the process in it override the file, and names that look like settings are
 * checked. `host`: of the server that the gateway is mounted in; it serves for references only.
 */
type EnvironmentOwner = "gateway" | "host";

type FileOptions = { owner?: EnvironmentOwner; rules?: OutsideRules };
type Reading = ReadContext & Required<FileOptions>;

/**
 * @param file relative to the working directory; named like this in faults
 * @throws ConfigError with all faults; contains no values
 */
export function loadConfigFile(
  file: string,
  env: Environment,
  { owner = "gateway", rules = {} }: FileOptions = {},
): GatewayConfig {
  const path = resolve(file);
  const context = createContext(env, dirname(path), [path]);
  const tree = readTree(path, context.faults);
  return resultOf(file, tree === undefined ? context.faults : read(file, tree, { ...context, owner, rules }), context);
}

/**
 * @param value of the shape of cloakroom.yaml
 * @param folder where relative paths begin
 * @throws ConfigError with all faults, each with its path; contains no values
 */
export function loadConfigObject(
  value: unknown,
  folder: string,
  { env, rules = {} }: { env: Environment; rules?: OutsideRules },
): GatewayConfig {
  const context = createContext(env, resolve(folder), []);
  const { tree, faults } = readObjectTree(value);
  context.faults.push(...faults);
  return resultOf(OBJECT, read(OBJECT, tree, { ...context, owner: "host", rules }), context);
}

/** Name of the source in messages. */
const OBJECT = "the configuration";

function createContext(env: Environment, folder: string, files: readonly string[]): ReadContext {
  return { env, folder, faults: [], references: new Set(), files: new Set(files) };
}

function resultOf(name: string, result: GatewayConfig | Fault[], { files }: ReadContext): GatewayConfig {
  if (Array.isArray(result)) throw new ConfigError(inWords(name, result), [...files]);
  return result;
}

function read(file: string, tree: Tree, context: Reading): GatewayConfig | Fault[] {
  const { env, faults, owner, rules } = context;
  const settings = findSettings(tree);
  faults.push(...settings.faults);
  const options = {
    ...{ file: settings, read: createSettingReader(context) },
    overrides: owner === "gateway" ? serverVariables(env) : NO_VARIABLES,
    production: { NODE_ENV: env["NODE_ENV"] },
  };
  const sources = settings.applications.map((application) => applicationSource(application, options));
  const { warnings, faults: ofEnvironment } =
    owner === "gateway" ? checkEnvironment(file, context) : checkHostEnvironment(env);
  const assembled = sources.map((source) =>
    assembleConfig({ env: source.env, rows: source.rows?.map(({ value }) => value) }, rules),
  );
  for (const each of assembled) for (const path of each.files) context.files.add(resolve(path));
  const found = [...faults, ...ofEnvironment];
  assembled.forEach((each, index) => found.push(...faultsOf(each, sources[index], faults)));
  const configs = assembled.flatMap(({ config }) => (config === undefined ? [] : [config]));
  if (found.length === 0) {
    const owns = configs.map(({ own }) => own);
    for (const { index, setting, message } of applicationErrors(owns))
      found.push({ at: NO_LINE, path: "", ...sources[index]?.locate(setting), message });
  }
  const [first] = configs;
  if (found.length > 0 || first === undefined) return found;
  const owns = configs.map(({ own }) => own);
  const ofSettings = assembled.flatMap((each, index) => warningsOf(each, sources[index]));
  const inFile = inWords(file, ofSettings);
  const texts = {
    applications: sources.map(({ env: own, rows }) => ({ env: own, rows: rows?.map(({ value }) => value) })),
    warnings: [...warnings, ...inFile],
  };
  return gatewayConfig({ ...first.server, warnings: texts.warnings }, owns, { files: [...context.files], texts });
}

function readTree(path: string, faults: Fault[]): Tree | undefined {
  const fault = (message: string): undefined => void faults.push({ at: NO_LINE, path: "", message });
  const content = readTextFile(path);
  if ("fault" in content) return fault(`--config (CLOAKROOM_CONFIG) ${content.fault}`);
  if (content.text.length > MAX_FILE_CHARS) return fault("--config (CLOAKROOM_CONFIG) names a file larger than 1 MB");
  const parsed = readYamlTree(content.text);
  faults.push(...parsed.faults);
  return parsed.tree;
}

/** The variables that the file references belong to the file. */
function checkEnvironment(file: string, { env, references }: ReadContext): { warnings: string[]; faults: Fault[] } {
  const others = Object.fromEntries(Object.entries(env).filter(([name]) => !references.has(name)));
  const { faults, warnings } = findUnknownSettings(others);
  const sentences = [...faults, ...environmentErrors(env), ...misplacedVariables(others, file)];
  return { warnings, faults: sentences.map((message) => ({ at: NO_LINE, path: "", message })) };
}

/** Variables of the host may have any name. */
function checkHostEnvironment(env: Environment): { warnings: string[]; faults: Fault[] } {
  return { warnings: [], faults: environmentErrors(env).map((message) => ({ at: NO_LINE, path: "", message })) };
}

const NO_VARIABLES: ReturnType<typeof serverVariables> = new Map();

/** Omits consequences: a value that could not be read is also missing. */
function faultsOf({ faults, rowFaults }: Assembled, source: ApplicationSource | undefined, earlier: readonly Fault[]) {
  if (source === undefined) return [];
  const ofRows = rowFaults.flatMap(({ row, members, message }): Fault[] => {
    const location = source.rows?.[row]?.locate(members);
    return location === undefined ? [] : [{ ...location, message }];
  });
  const found = [...faults.map((sentence) => faultOfSentence(sentence, source.locate)), ...ofRows];
  return found.filter(({ path }) => path === "" || !earlier.some((each) => isAt(each.path, path)));
}

function warningsOf({ warnings }: Assembled, source: ApplicationSource | undefined): Fault[] {
  return source === undefined ? [] : warnings.map((sentence) => faultOfSentence(sentence, source.locate));
}

/** Whether `place` is `path`, or lies inside it. */
function isAt(place: string, path: string): boolean {
  return place === path || place.startsWith(`${path}.`) || place.startsWith(`${path}[`);
}

/** In the order of the file; defaults of several applications are reported once. */
function inWords(file: string, faults: readonly Fault[]): string[] {
  const inOrder = faults.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
  return [...new Set(inOrder.map((fault) => wordFault(file, fault)))];
}
