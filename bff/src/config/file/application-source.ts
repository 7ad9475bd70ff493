// The settings of one application of the configuration file, with those of the process, as texts of the environment.
import type { Environment } from "../read-settings.ts";
import { SETTINGS, type Setting, type SettingName } from "../settings.ts";
import type { Location, Locate } from "./fault-sentences.ts";
import type { FileRow } from "./row-values.ts";
import type { FileSettings, FoundApplication, FoundSetting, FoundSettings } from "./setting-tree.ts";
import { readSettingValue, type FileValue } from "./setting-values.ts";
import type { ReadContext } from "./value-reader.ts";
import { joinPath } from "./yaml-tree.ts";

export type ApplicationSource = Readonly<{
  env: Environment;
  rows: readonly FileRow[] | undefined;
  locate: Locate;
}>;

/** Settings of which an application has one: its own choice replaces the other one of the top level. */
const ALTERNATIVES: readonly (readonly SettingName[])[] = [
  ["UPSTREAMS", "UPSTREAMS_FILE"],
  ["SPA_ROOT", "SPA_URL"],
];

/** Every setting is read once, also if it is a default of several applications. */
export type ReadSetting = (setting: FoundSetting) => FileValue;

export function createSettingReader(context: ReadContext): ReadSetting {
  const values = new Map<FoundSetting, FileValue>();
  return (setting) => {
    const value = values.get(setting) ?? readSettingValue(setting, context);
    values.set(setting, value);
    return value;
  };
}

type SourceOptions = Readonly<{
  file: FileSettings;
  read: ReadSetting;
  /** Settings of the process in the environment: they take precedence. */
  overrides: ReadonlyMap<SettingName, Environment>;
  production: Environment;
}>;

export function applicationSource(application: FoundApplication, options: SourceOptions): ApplicationSource {
  const { file, read, overrides, production } = options;
  const found = new Map<SettingName, FoundSetting>([
    ...[...file.server].filter(([name]) => !overrides.has(name)),
    ...inherited(file.defaults, application.settings),
    ...application.settings,
  ]);
  const env: Record<string, string | undefined> = Object.assign({ ...production }, ...overrides.values());
  let rows: readonly FileRow[] | undefined;
  for (const [name, setting] of found) {
    const value = read(setting);
    if (value.kind === "text") env[name] = value.text;
    else if (value.kind === "file") env[`${name}_FILE`] = value.path;
    else if (value.kind === "rows") rows = value.rows;
  }
  return { env, rows, locate: (name) => (overrides.has(name) ? undefined : locationOf(name, found, application)) };
}

function inherited(defaults: FoundSettings, own: FoundSettings): [SettingName, FoundSetting][] {
  const replaced = ALTERNATIVES.filter((names) => names.some((name) => own.has(name))).flat();
  return [...defaults].filter(([name]) => !replaced.includes(name));
}

/** @returns where the setting is, or where it would be */
function locationOf(name: SettingName, found: FoundSettings, { path, at }: FoundApplication): Location {
  const setting = found.get(name);
  if (setting !== undefined) return setting;
  const { path: inner, scope }: Setting = SETTINGS[name];
  return scope === "server" ? { path: inner, at: { line: 1, column: 1 } } : { path: joinPath(path, inner), at };
}
