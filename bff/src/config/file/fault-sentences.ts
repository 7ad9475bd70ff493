// Words the faults of a configuration file: line, path, rule, cure. Rules that both kinds of configuration share name
// settings by their environment variables; here these names become paths of the file.
import { SETTINGS, type SettingName } from "../settings.ts";
import type { Fault, Position } from "./yaml-tree.ts";

export type Location = Readonly<{ path: string; at: Position }>;

/** @returns undefined for a setting that comes from the environment */
export type Locate = (name: SettingName) => Location | undefined;

const UPPER_CASE_NAME = /\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b/g;

/** @returns a fault at the first setting that the sentence names */
export function faultOfSentence(sentence: string, locate: Locate): Fault {
  let first: Location | undefined;
  const message = sentence
    // Secrets have one path for both forms.
    .replaceAll(/\b([A-Z][A-Z0-9_]*) (?:or|and) \1_FILE\b/g, "$1")
    .replaceAll(/\b([A-Z][A-Z0-9_]*)=(?=\w)/g, (whole, name: string) => (isLocated(name, locate) ? `${name}: ` : whole))
    .replaceAll(UPPER_CASE_NAME, (name) => {
      const setting = settingOf(name);
      const location = setting === undefined ? undefined : locate(setting);
      first ??= location;
      return location?.path ?? name;
    })
    .replaceAll(/\b[Uu]nset (it|both)\b/g, "remove $1");
  return { at: first?.at ?? { line: 0, column: 0 }, path: first?.path ?? "", message: message.replace(/\.$/, "") };
}

function isLocated(name: string, locate: Locate): boolean {
  const setting = settingOf(name);
  return setting !== undefined && locate(setting) !== undefined;
}

function settingOf(name: string): SettingName | undefined {
  const base = name.endsWith("_FILE") ? name.slice(0, -"_FILE".length) : name;
  return [name, base].find((each): each is SettingName => Object.hasOwn(SETTINGS, each));
}

/** @returns `cloakroom.yaml:12: session.idleSeconds must be …`; without a line for faults of the environment */
export function wordFault(file: string, { at, path, message }: Fault): string {
  const place = at.line === 0 ? "" : `${file}:${at.line}: `;
  const subject = path === "" || message.startsWith(path) ? "" : `${path} `;
  return `${place}${subject}${message}${message.endsWith("?") ? "" : "."}`;
}
