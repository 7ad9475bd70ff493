// Finds the settings in the tree of a configuration file: which key is which setting, for the process, as a default of all
// applications, or for one application. Reports unknown and misplaced keys with the nearest known one.
import { nearestName } from "../nearest-name.ts";
import { SETTINGS, type Setting, type SettingName } from "../settings.ts";
import { joinPath, printable, type Fault, type Mapping, type Position, type Tree } from "./yaml-tree.ts";

export type FoundSetting = Readonly<{ name: SettingName; path: string; at: Position; value: Tree }>;
export type FoundSettings = ReadonlyMap<SettingName, FoundSetting>;
export type FoundApplication = Readonly<{
  /** Empty for the only application of a file without `applications`. */
  path: string;
  at: Position;
  /** Its own settings; those of the top level are in `defaults`. */
  settings: FoundSettings;
}>;

export type FileSettings = Readonly<{
  server: FoundSettings;
  defaults: FoundSettings;
  applications: readonly FoundApplication[];
  faults: readonly Fault[];
}>;

type Scope = Setting["scope"];
/** A setting, or a group of them. */
type Known = SettingName | ReadonlyMap<string, Known>;
type Group = ReadonlyMap<string, Known>;

const APPLICATIONS = "applications";
/** Names the JSON Schema in files that are written as JSON. */
const SCHEMA_KEY = "$schema";

const settings = Object.entries<Setting>(SETTINGS) as [SettingName, Setting][];

const KNOWN: Readonly<Record<"top" | Scope, Group>> = {
  top: groupOf(settings),
  server: groupOf(settings.filter(([, { scope }]) => scope === "server")),
  application: groupOf(settings.filter(([, { scope }]) => scope === "application")),
};

function groupOf(members: readonly (readonly [SettingName, Setting])[], depth = 0): Group {
  const group = new Map<string, Known>();
  for (const [name, { path }] of members) {
    const segments = path.split(".");
    const segment = segments[depth] ?? "";
    if (segments.length === depth + 1) group.set(segment, name);
    else if (!group.has(segment)) {
      const prefix = `${segments.slice(0, depth + 1).join(".")}.`;
      const inside = members.filter(([, each]) => each.path.startsWith(prefix));
      group.set(segment, groupOf(inside, depth + 1));
    }
  }
  return group;
}

export function findSettings(root: Tree): FileSettings {
  const faults: Fault[] = [];
  if (root.kind !== "mapping") {
    const message = "must be a mapping of settings, such as `provider:` with indented keys below it";
    return { server: new Map(), defaults: new Map(), applications: [], faults: [{ at: root.at, path: "", message }] };
  }
  const list = root.entries.find(({ key }) => key === APPLICATIONS);
  const top = collect(
    { ...root, entries: root.entries.filter(({ key }) => key !== APPLICATIONS && key !== SCHEMA_KEY) },
    { level: "top", base: "", faults },
  );
  const ofScope = (scope: Scope) => new Map([...top].filter(([name]) => SETTINGS[name].scope === scope));
  const applications =
    list === undefined
      ? [{ path: "", at: root.at, settings: new Map<SettingName, FoundSetting>() }]
      : findApplications(list.value, list.at, faults);
  return { server: ofScope("server"), defaults: ofScope("application"), applications, faults };
}

function findApplications(list: Tree, at: Position, faults: Fault[]): FoundApplication[] {
  if (list.kind !== "sequence" || list.items.length === 0) {
    const message =
      "must be a list with at least one application (- id: …). Remove it if the top level describes the only one";
    faults.push({ at, path: APPLICATIONS, message });
    return [];
  }
  return list.items.flatMap((item, index) => {
    const path = `${APPLICATIONS}[${index}]`;
    if (item.kind === "mapping")
      return [{ path, at: item.at, settings: collect(item, { level: "application", base: path, faults }) }];
    faults.push({ at: item.at, path, message: "must be a mapping of settings, such as id, origin and provider" });
    return [];
  });
}

type Place = { level: "top" | "application"; base: string; faults: Fault[] };

function collect(root: Mapping, place: Place): Map<SettingName, FoundSetting> {
  const found = new Map<SettingName, FoundSetting>();
  const visit = (mapping: Mapping, group: Group, inner: string): void => {
    for (const { key, at, value } of mapping.entries) {
      const known = group.get(key);
      const path = joinPath(joinedBase(place.base, inner), key);
      if (known === undefined) place.faults.push({ at, path, message: unknownKey(key, group, { ...place, inner }) });
      else if (typeof known === "string") found.set(known, { name: known, path, at, value });
      else if (value.kind === "mapping") visit(value, known, joinPath(inner, key));
      // A group whose keys are all commented out.
      else if (value.kind !== "scalar" || !value.isBlank)
        place.faults.push({ at, path, message: `must be a mapping with ${[...known.keys()].join(", ")}` });
    }
  };
  visit(root, KNOWN[place.level], "");
  return found;
}

function joinedBase(base: string, inner: string): string {
  if (base === "" || inner === "") return `${base}${inner}`;
  return `${base}.${inner}`;
}

/** @returns a sentence part with the cure */
function unknownKey(key: string, group: Group, { level, inner }: Pick<Place, "level"> & { inner: string }): string {
  const inPlace = joinPath(inner, key);
  if (level === "application" && hasPath(KNOWN.server, inPlace))
    return "applies to the whole process. Move it to the top level";
  if (Object.hasOwn(SETTINGS, key))
    return `is the name of an environment variable. In this file it is ${SETTINGS[key as SettingName].path}`;
  const names = [...group.keys(), ...(level === "top" && inner === "" ? [APPLICATIONS] : [])];
  const { name, isTypo } = nearestName(key, names);
  if (isTypo) return `is not known. Did you mean ${joinPath(inner, name)}?`;
  const elsewhere = settings
    .filter(([, { scope }]) => level === "top" || scope === "application")
    .map(([, { path }]) => path)
    .filter((path) => path.split(".").at(-1) === key);
  if (elsewhere.length > 0) return `is not known here. Did you mean ${elsewhere.slice(0, 3).join(" or ")}?`;
  return `is not known. Known ${inner === "" ? "here" : `below ${printable(inner)}`} are ${names.join(", ")}`;
}

function hasPath(group: Group, path: string): boolean {
  const [first = "", ...rest] = path.split(".");
  const known = group.get(first);
  if (known === undefined) return false;
  return typeof known === "string" ? rest.length === 0 : rest.length === 0 || hasPath(known, rest.join("."));
}
