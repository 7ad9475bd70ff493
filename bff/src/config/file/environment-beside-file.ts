// Environment variables beside a configuration file: settings of the process override the file, settings of an application
// are rejected, because it would be unclear to which applications they belong.
import { isProxySetting } from "../outbound-proxy.ts";
import type { Environment } from "../read-settings.ts";
import { SETTINGS, type Setting, type SettingName } from "../settings.ts";

const settings = Object.entries<Setting>(SETTINGS) as [SettingName, Setting][];

/** Set by the container image for gateways without a configuration file, and without effect beside one. */
const IMAGE_VARIABLES: ReadonlySet<string> = new Set(["SPA_ROOT"]);

/** Spellings of a setting in the environment. */
function variablesOf(name: SettingName, { secret }: Setting): string[] {
  return [name, ...(secret === true ? [`${name}_FILE`] : []), ...(isProxySetting(name) ? [name.toLowerCase()] : [])];
}

function isSet(env: Environment, variable: string): boolean {
  return env[variable] !== undefined && env[variable] !== "";
}

/** Settings of the process in the environment, by setting. */
export function serverVariables(env: Environment): ReadonlyMap<SettingName, Environment> {
  const found = new Map<SettingName, Environment>();
  for (const [name, setting] of settings) {
    const variables = variablesOf(name, setting).filter((variable) => isSet(env, variable));
    if (setting.scope === "server" && variables.length > 0)
      found.set(name, Object.fromEntries(variables.map((variable) => [variable, env[variable]])));
  }
  return found;
}

/**
 * @param env without the variables that the file references
 * @returns one sentence per variable
 */
export function misplacedVariables(env: Environment, file: string): string[] {
  return settings
    .filter(([, { scope }]) => scope === "application")
    .flatMap(([name, setting]) =>
      variablesOf(name, setting)
        .filter((variable) => isSet(env, variable) && !IMAGE_VARIABLES.has(variable))
        .map(
          (variable) =>
            `${variable} is set in the environment, but ${file} describes the applications. Unset it; the file may contain ${setting.path}: \${${variable}}`,
        ),
    );
}
