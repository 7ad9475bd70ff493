// What an operator writes into the configuration file to set the settings that a log line suggests: the inverse of the
// readers in policy-values.ts, as YAML in one line.
import { SETTINGS, type SettingName } from "../settings.ts";

/** Needs no quotes in YAML, also inside brackets, and is read as text. */
const PLAIN = /^(?!(?:true|false|null)$)[a-z*][a-z0-9.*/-]*$/i;

/**
 * @param values texts of the environment, by setting
 * @returns `contentSecurityPolicy: { additions: { style-src: [unsafe-inline] }, trustedTypes: [app] }`
 */
export function fileAssignments(values: Readonly<Record<string, string>>): string {
  const groups = new Map<string, string[]>();
  for (const [name, value] of Object.entries(values)) {
    const [group = "", key = ""] = SETTINGS[name as SettingName].path.split(".");
    const form = name === "CSP_ADDITIONS" ? directives(value) : words(value);
    groups.set(group, [...(groups.get(group) ?? []), `${key}: ${form}`]);
  }
  return [...groups].map(([group, entries]) => `${group}: { ${entries.join(", ")} }`).join("; ");
}

function directives(text: string): string {
  const entries = text.split("; ").map((directive) => {
    const [name = "", ...sources] = directive.split(" ");
    return `${name}: ${sources.length === 0 ? "true" : `[${sources.map(quoted).join(", ")}]`}`;
  });
  return `{ ${entries.join(", ")} }`;
}

function words(text: string): string {
  return text === "off" ? "off" : `[${text.split(" ").map(quoted).join(", ")}]`;
}

/** Keywords and hashes have no quotes of their own in the file. */
function quoted(word: string): string {
  const bare = word.replace(/^'(.*)'$/, "$1");
  return PLAIN.test(bare) && !bare.startsWith("*") ? bare : JSON.stringify(bare);
}
