// ERROR_PAGES: a folder with custom templates (error.html, continue.html, confirm.html) and texts (fr.json) of the gateway's
// pages. Read with the configuration, so that a reload applies changes.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { folderContent, rememberContent } from "../loaded-contents.ts";
import { nearestName } from "../nearest-name.ts";
import { filePath, type Setting } from "../setting-shapes.ts";
import { readTextFile } from "../setting-text.ts";
import { normalizeLines, PAGE_KINDS, templateFaults, type PageKind } from "./page-template.ts";
import { BUILT_IN_LANGUAGES, placeholdersOf, type Languages, type PageTextKey, type PageTexts } from "./page-texts.ts";

export type ErrorPages = Readonly<{
  /** Custom templates. */
  templates: Readonly<Partial<Record<PageKind, string>>>;
  languages: Languages;
}>;

/** Without ERROR_PAGES. */
export const BUILT_IN_PAGES_CONFIG: ErrorPages = { templates: {}, languages: BUILT_IN_LANGUAGES };

export const ERROR_PAGES_SETTINGS = {
  ERROR_PAGES: {
    path: "errorPages",
    scope: "application",
    schema: filePath,
    meaning:
      "Folder with custom templates of the gateway's pages (`error.html`, `continue.html`, `confirm.html`) and texts in further languages (`fr.json`). Unset: the built-in pages, in English and German",
  },
} as const satisfies Record<string, Setting>;

type Read = {
  errorPages: ErrorPages;
  /** Sentences about files that cannot be used. */
  faults: string[];
  /** The folder, and the files of it that were read. */
  files: string[];
};

export function readErrorPages(folder: string | undefined): Read {
  const templates: Partial<Record<PageKind, string>> = {};
  const languages: Record<string, PageTexts> = { ...BUILT_IN_LANGUAGES };
  const faults: string[] = [];
  const files = folder === undefined ? [] : [folder];
  const fault = (name: string, end: string) => void faults.push(`ERROR_PAGES: ${name} ${end}.`);
  for (const name of folder === undefined ? [] : filesOf(folder, faults)) {
    const [, base = "", extension] = /^(.+)\.(html|json)$/.exec(name) ?? [];
    // Images, styles and documentation of the folder.
    if (extension === undefined) continue;
    const kind = PAGE_KINDS.find((each) => each === base);
    if (extension === "html" && kind === undefined) {
      const nearest = nearestName(base, PAGE_KINDS).name;
      fault(name, `is not the name of a template. Did you mean ${nearest}.html?`);
      continue;
    }
    const path = join(folder ?? "", name);
    files.push(path);
    const file = readTextFile(path);
    if ("fault" in file) {
      fault(name, file.fault.replace(/^names a file/, "is a file"));
    } else if (kind !== undefined && extension === "html") {
      templates[kind] = normalizeLines(file.text);
      for (const end of templateFaults(kind, templates[kind])) fault(name, end);
    } else {
      const parsed = parseTexts(base, file.text);
      if ("texts" in parsed) languages[base.toLowerCase()] = parsed.texts;
      else for (const end of parsed.faults) fault(name, end);
    }
  }
  return { errorPages: { templates, languages }, faults, files };
}

function filesOf(folder: string, faults: string[]): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    rememberContent(folder, folderContent(entries.map(({ name }) => name)));
    return entries
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("."))
      .map(({ name }) => name)
      .toSorted();
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    faults.push(`ERROR_PAGES is not a folder that can be read (${code}). Mount it or correct the path.`);
    return [];
  }
}

const TEXTS = z.record(z.string(), z.string().min(1));

/** A language that is built in may be replaced in part; any other one must be complete. */
function parseTexts(language: string, json: string): { texts: PageTexts } | { faults: string[] } {
  if (!isLanguageTag(language)) return { faults: ["is not named after a language tag (BCP 47), such as fr.json"] };
  const parsed = TEXTS.safeParse(tryParse(json));
  if (!parsed.success) return { faults: ["is not a JSON object of strings"] };
  const known = BUILT_IN_LANGUAGES["en"] as PageTexts;
  const given = parsed.data;
  const base: Partial<PageTexts> = BUILT_IN_LANGUAGES[language.toLowerCase()] ?? {};
  const texts = { ...base, ...given } as PageTexts;
  const names = Object.keys(known) as PageTextKey[];
  const unknown = Object.keys(given).filter((name) => !names.includes(name as PageTextKey));
  const missing = names.filter((name) => texts[name] === undefined);
  const faults = unknown.map(
    (name) => `has an unknown text "${name}". Did you mean "${nearestName(name, names).name}"?`,
  );
  if (missing.length > 0)
    faults.push(`lacks ${missing.length} texts (${missing.slice(0, 3).join(", ")}, …). Add them, or remove the file`);
  for (const name of names) {
    const expected = placeholdersOf(known[name]);
    if (texts[name] === undefined || placeholdersOf(texts[name]).join() === expected.join()) continue;
    faults.push(`must have the placeholders ${expected.join(" ") || "of English, none,"} in "${name}"`);
  }
  return faults.length > 0 ? { faults } : { texts };
}

function isLanguageTag(text: string): boolean {
  try {
    return Intl.getCanonicalLocales(text).length === 1;
  } catch {
    return false;
  }
}

function tryParse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
