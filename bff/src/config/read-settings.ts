// Reads the settings as texts, from the environment or converted from cloakroom.yaml, and parses them by their schemas.
import { isProxySetting } from "./outbound-proxy.ts";
import { cleanText, readValueFile } from "./setting-text.ts";
import { SETTINGS, type Setting, type SettingName, type SettingValue } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
/** Parsed values. */
export type Values = { [N in SettingName]?: SettingValue<N> };

/** True for invalid values too, so that their own error is the only one reported. */
export function isSet(env: Environment, name: SettingName): boolean {
  return [env[name], env[`${name}_FILE`]].some((value) => value !== undefined && value !== "");
}

/** @returns the path in NAME_FILE */
export function valueFileOf(env: Environment, name: SettingName): string | undefined {
  const file = env[`${name}_FILE`]?.trim();
  return file === "" ? undefined : file;
}

export function readSettings(env: Environment, faults: string[]): Values {
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    const raw = readRaw(name, setting, env, faults);
    if (raw === undefined) continue;
    const parsed = setting.schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else
      for (const issue of parsed.error.issues) faults.push(`${name} ${issue.message}. It means: ${setting.meaning}.`);
  }
  return values as Values;
}

function readRaw(name: string, setting: Setting, env: Environment, faults: string[]): string | undefined {
  // Empty means unset: Compose files pass `${NAME:-}`.
  const direct = [isProxySetting(name) ? env[name.toLowerCase()] : undefined, env[name]].find(
    (value) => value !== undefined && value !== "",
  );
  const file = setting.secret === true && env[`${name}_FILE`] !== "" ? env[`${name}_FILE`] : undefined;
  if (direct !== undefined && file !== undefined) {
    faults.push(`${name} and ${name}_FILE are both set. Keep one.`);
    return undefined;
  }
  if (file !== undefined || direct !== undefined) {
    const value = file === undefined ? cleanText(direct ?? "") : readValueFile(file.trim());
    if ("text" in value) return value.text;
    faults.push(`${file === undefined ? name : `${name}_FILE`} ${value.fault}.`);
    return undefined;
  }
  if (setting.default === undefined && setting.required === true) {
    const cure = setting.secret === true ? `Set ${name} or ${name}_FILE` : `Set ${name}`;
    faults.push(`${name} is required. ${cure}: ${setting.meaning}.${name === "SECRET_KEYS" ? KEY_RECIPE : ""}`);
  }
  return setting.default;
}

const KEY_RECIPE = " Make one with: node -p \"require('node:crypto').randomBytes(32).toString('base64url')\"";
