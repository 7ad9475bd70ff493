// The path of the configuration file.
import type { Environment } from "./read-settings.ts";

/** Path of the configuration file; the option --config takes precedence. */
export const CONFIG_VARIABLE = "CLOAKROOM_CONFIG";

/** @returns the path of cloakroom.yaml; undefined: the environment describes the only application */
export function configFile(env: Environment = process.env): string | undefined {
  const file = env[CONFIG_VARIABLE];
  return file === "" ? undefined : file;
}
