// Words the faults of a configuration file: line, path, rule, cure. Rules that both kinds of configuration share name
// settings by their environment variables; here these names become paths of the file.
import { SETTINGS, type SettingName } from "../settings.ts";
import type { Fault, Position } from "./yaml-tree.ts";

export type Location = Readonly<{ path: string; at: Position }>;

/** @returns undefined for a setting that comes from the environment */
export type Locate = (name: SettingName) => Location | undefined;

/** A name, or an assignment. Beside a hyphen it is part of another word, such as the name of a header. */
const VARIABLE = /(?<![\w-])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)(=(?=\w)|(?![\w-]))/g;

/** @returns a fault at the first setting that the sentence names */
export function faultOfSentence(sentence: string, locate: Locate): Fault {
  let first: Location | undefined;
  const message = placeSettings(sentence, (setting) => {
    const location = locate(setting);
    first ??= location;
    return location?.path;
  });
  return { at: first?.at ?? { line: 0, column: 0 }, path: first?.path ?? "", message: message.replace(/\.$/, "") };
}

/**
 * @param placeOf place of a setting in the file; undefined: the sentence keeps its variable
 * @returns the sentence with places of the file in place of environment variables
 */
export function placeSettings(sentence: string, placeOf: (name: SettingName) => string | undefined): string {
  return (
    sentence
      // Secrets have one path for both forms.
      .replaceAll(/\b([A-Z][A-Z0-9_]*) (?:or|and) \1_FILE\b/g, "$1")
      .replaceAll(VARIABLE, (whole, name: string, assignment: string) => {
        const setting = settingOf(name);
        const place = setting === undefined ? undefined : placeOf(setting);
        return place === undefined ? whole : `${place}${assignment === "" ? "" : ": "}`;
      })
      .replaceAll(/\bunset (it|both)\b/g, "remove $1")
      .replaceAll(/\bUnset (it|both)\b/g, "Remove $1")
  );
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
