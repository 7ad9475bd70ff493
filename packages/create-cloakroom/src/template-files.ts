// The files of the templates, and where they go in a project.
import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const TEMPLATES = ["react", "vanilla"] as const;
export type Template = (typeof TEMPLATES)[number];

export function isTemplate(name: string): name is Template {
  return (TEMPLATES as readonly string[]).includes(name);
}

const FOLDER = fileURLToPath(new URL("../templates/", import.meta.url));

/** npm does not pack files of these names. */
const RENAMED: Readonly<Record<string, string>> = { _gitignore: ".gitignore", "_env.example": ".env.example" };

export type TemplateFile = { path: string; content: string };

/** @returns the files in the order of their paths; those of the template replace those that all templates share */
export function templateFiles(template: Template): TemplateFile[] {
  const files = new Map([...filesOf("shared"), ...filesOf(template)]);
  return [...files].map(([path, content]) => ({ path, content })).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function filesOf(name: string): [path: string, content: string][] {
  const folder = join(FOLDER, name);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const source = join(entry.parentPath, entry.name);
      const path = source.slice(folder.length + 1).split(sep);
      const target = [...path.slice(0, -1), RENAMED[entry.name] ?? entry.name].join("/");
      return [target, readFileSync(source, "utf8")];
    });
}

/** @throws Error for a placeholder without a value: a defect of the template */
export function fillIn(content: string, values: Readonly<Record<string, string>>): string {
  return content.replace(/\{\{(\w+)\}\}/g, (placeholder, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`No value for ${placeholder}.`);
    return value;
  });
}
