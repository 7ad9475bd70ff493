// Module specifiers and file references in built JavaScript and declarations. A compiler prints an import as one statement at
// the start of a line, so that expressions find all of them.

const SPECIFIERS: readonly RegExp[] = [
  /^import "([^"]+)"/gm,
  /^(?:import|export)\b[^"'`;=()]*\bfrom "([^"]+)"/gm,
  /\b(?:import|import\.meta\.resolve|require|require\.resolve|createRequire\(import\.meta\.url\))\("([^"]+)"\)/g,
  /^\/\/\/ <reference types="([^"]+)"/gm,
];
/** A template counts up to its first value. */
const FILES: readonly RegExp[] = [
  /new URL\(["'`](\.[^"'`$]+)[^)]*\bimport\.meta\.url\)/g,
  /\b(?:join|resolve)\(import\.meta\.dirname, "([^"]+)"/g,
];

/** @returns the specifiers of imports, dynamic imports and resolved modules, each once */
export function specifiersIn(text: string): string[] {
  return matchesOf(SPECIFIERS, text);
}

/** @returns the relative paths of files and folders that a module finds beside itself, each once */
export function filesIn(text: string): string[] {
  return matchesOf(FILES, text);
}

/** @returns the package of a bare specifier; undefined for relative paths and modules of Node */
export function packageOf(specifier: string): string | undefined {
  if (/^(?:\.|\/|#|node:|data:)/.test(specifier)) return undefined;
  const [scope = "", name = ""] = specifier.split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}

function matchesOf(expressions: readonly RegExp[], text: string): string[] {
  // Examples in comments import the package itself.
  const code = text.replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, "").replaceAll(/^\s*\/\/(?!\/).*$/gm, "");
  return [...new Set(expressions.flatMap((each) => [...code.matchAll(each)].map(([, found = ""]) => found)))];
}
