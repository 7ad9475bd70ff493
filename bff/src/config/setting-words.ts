// How sentences at run time name settings: by their environment variables, or by their places in the configuration file.
// The sentences are written with the variables; log, /readyz and commands pass them through `sentence`.
import type { MountedSource } from "./config.ts";
import { configFile } from "./config-file.ts";
import { serverVariables } from "./file/environment-beside-file.ts";
import { fileAssignments } from "./file/file-assignments.ts";
import { placeSettings } from "./file/fault-sentences.ts";
import type { Environment } from "./read-settings.ts";
import { SETTINGS, type SettingName } from "./settings.ts";

export type SettingWords = Readonly<{
  sentence(text: string): string;
  /** @param values texts of the environment, by setting. @returns what the operator writes to set them */
  assignments(values: Readonly<Record<string, string>>): string;
}>;

export const VARIABLES: SettingWords = {
  sentence: (text) => text,
  assignments: (values) =>
    Object.entries(values)
      .map(([name, value]) => (value === "off" ? `${name}=off` : `${name}="${value}"`))
      .join(" "),
};

/** Settings of the process that are set in the environment beside a file keep their names: they override the file. */
export function settingWords(env: Environment = process.env, file = configFile(env)): SettingWords {
  return file === undefined ? VARIABLES : placesExcept(serverVariables(env));
}

/** For a mounted gateway, whose environment overrides nothing. */
export function mountedWords({ kind }: Pick<MountedSource, "kind">): SettingWords {
  return kind === "environment" ? VARIABLES : placesExcept(new Map());
}

function placesExcept(overridden: ReadonlyMap<SettingName, Environment>): SettingWords {
  const placeOf = (name: SettingName) => (overridden.has(name) ? undefined : SETTINGS[name].path);
  return { sentence: (text) => placeSettings(text, placeOf), assignments: fileAssignments };
}
