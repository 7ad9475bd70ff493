// Loads the configuration from the environment, or from cloakroom.yaml, into a frozen GatewayConfig and reports all errors
// at once. The only reader of process.env.
import { assembleConfig, gatewayConfig, type OutsideRules } from "./assemble-config.ts";
import { ConfigError } from "./config-error.ts";
import { CONFIG_VARIABLE, configFile } from "./config-file.ts";
import type { Config, GatewayConfig } from "./config-types.ts";
import { loadConfigFile, loadConfigObject } from "./file/load-config-file.ts";
import type { Environment } from "./read-settings.ts";
import { environmentErrors } from "./setting-rules.ts";
import { findUnknownSettings } from "./unknown-settings.ts";

export { restoreGatewayConfig } from "./assemble-config.ts";
export { ConfigError } from "./config-error.ts";
export { CONFIG_VARIABLE, configFile } from "./config-file.ts";
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
export function loadGatewayConfig(
  env: Environment = process.env,
  file = configFile(env),
  rules: OutsideRules = {},
): GatewayConfig {
  if (file !== undefined) return loadConfigFile(file, env, { rules });
  const unknown = findUnknownSettings(env);
  const { faults, warnings, config } = assembleConfig({ env }, rules);
  const all = [...faults, ...unknown.faults, ...environmentErrors(env)];
  if (all.length > 0 || config === undefined) throw new ConfigError(all);
  return gatewayConfig({ ...config.server, warnings: [...unknown.warnings, ...warnings] }, [config.own]);
}

/** Where a gateway that is mounted in another server gets its configuration from. */
export type MountedSource =
  | { kind: "object"; value: unknown; folder: string; env?: Environment | undefined }
  | { kind: "file"; file: string; env?: Environment | undefined }
  | { kind: "environment"; env: Environment };

/** The host listens: these variables are its own. */
const VARIABLES_OF_HOST = ["HOST", "PORT", "MANAGEMENT_HOST", "MANAGEMENT_PORT"];

/** Always those of the process: no source may hide that it runs in production, or that certificates are not checked. */
const VARIABLES_OF_PROCESS = ["NODE_ENV", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_DEBUG", "DEBUG"];

/** Options of Node, from its command line and NODE_OPTIONS. */
export function nodeOptions(): string[] {
  return [...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(/\s+/)];
}

/**
 * The environment of the host overrides nothing in an object or a file, which may refer to its variables. `NODE_ENV` and
 * variables that weaken Node count always.
 * @throws ConfigError with all errors; contains no secret values.
 */
export function loadMountedConfig(source: MountedSource, rules: OutsideRules = {}): GatewayConfig {
  const ofProcess = VARIABLES_OF_PROCESS.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = { ...(source.env ?? process.env), ...Object.fromEntries(ofProcess) };
  switch (source.kind) {
    case "object":
      return loadConfigObject(source.value, source.folder, { env, rules });
    case "file":
      return loadConfigFile(source.file, env, { owner: "host", rules });
    case "environment":
      return loadGatewayConfig(
        Object.fromEntries(Object.entries(env).filter(([name]) => !VARIABLES_OF_HOST.includes(name))),
        undefined,
        rules,
      );
  }
}
