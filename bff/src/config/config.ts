// Loads the configuration from the environment, or from cloakroom.yaml, into a frozen GatewayConfig and reports all errors
// at once. The only reader of process.env.
import { assembleConfig, gatewayConfig } from "./assemble-config.ts";
import { ConfigError } from "./config-error.ts";
import type { Config, GatewayConfig } from "./config-types.ts";
import { loadConfigFile } from "./file/load-config-file.ts";
import type { Environment } from "./read-settings.ts";
import { environmentErrors } from "./setting-rules.ts";
import { findUnknownSettings } from "./unknown-settings.ts";

export { restoreGatewayConfig } from "./assemble-config.ts";
export { ConfigError } from "./config-error.ts";
export type {
  ApplicationConfig,
  Config,
  ConfigTexts,
  GatewayConfig,
  ServerConfig,
  WaitingLimits,
} from "./config-types.ts";
export type { KeycloakAdminConfig } from "./keycloak-admin.ts";
export type { ProviderConfig } from "./provider-settings.ts";
export type { TokenTarget, UpstreamConfig } from "./upstreams.ts";

/** Path of the configuration file; the option --config takes precedence. */
export const CONFIG_VARIABLE = "CLOAKROOM_CONFIG";

/** @returns the path of cloakroom.yaml; undefined: the environment describes the only application */
export function configFile(env: Environment = process.env): string | undefined {
  const file = env[CONFIG_VARIABLE];
  return file === "" ? undefined : file;
}

/** @returns the view of the single application. @throws ConfigError with all errors; contains no secret values. */
export function loadConfig(env: Environment = process.env): Config {
  const [config, ...others] = loadGatewayConfig(env).applications;
  if (config === undefined) throw new ConfigError(["No application is configured."]);
  if (others.length > 0)
    throw new ConfigError([
      `${CONFIG_VARIABLE} describes several applications. This command works on one of them only.`,
    ]);
  return config;
}

/**
 * @param file cloakroom.yaml; undefined: the environment describes the only application
 * @throws ConfigError with all errors; contains no secret values.
 */
export function loadGatewayConfig(env: Environment = process.env, file = configFile(env)): GatewayConfig {
  if (file !== undefined) return loadConfigFile(file, env);
  const unknown = findUnknownSettings(env);
  const { faults, warnings, config } = assembleConfig({ env });
  const all = [...faults, ...unknown.faults, ...environmentErrors(env)];
  if (all.length > 0 || config === undefined) throw new ConfigError(all);
  return gatewayConfig({ ...config.server, warnings: [...unknown.warnings, ...warnings] }, [config.own]);
}
