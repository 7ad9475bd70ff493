// Word check: finds the words of scripts/banned-words.ts in the tracked text files.
// Usage: node scripts/language.ts [path …]
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BANNED, EXEMPT, EXEMPT_TEXT } from "./banned-words.ts";
import type { Ban, Scope } from "./banned-words.ts";
import { ROOT } from "@cloakroom/testkit/bin.ts";

export type Finding = { file: string; line: number; found: string; ban: Ban };

type Word = { text: string; start: number; end: number };
type Match = { found: string; start: number; end: number; ban: Ban };
type Phrase = { words: readonly string[]; ban: Ban };

const PHRASES: ReadonlyMap<string, readonly Phrase[]> = Map.groupBy(
  BANNED.flatMap((ban) => ban.phrases.map((phrase) => ({ words: phrase.split(" "), ban }))),
  ({ words }) => words[0] ?? "",
);

/** What may stand between two words of a phrase: a space, a line break with a comment leader, or `" + "`. */
const TEXT_GAP = /^(?:[-_]?|[ \t]+|[ \t]*["'`]\s*\+\s*["'`][ \t]*|[ \t]*\r?\n[ \t]*(?:\/\/+|\*|#+|--|>)?[ \t]*)$/;
const NAME_GAP = /^[-_]?$/;

const COMMENTS_AND_STRINGS = /\/\/.*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;
const JSX_TEXT = />[^<>{}=;()]*</g;

/** In the form that scripts/check.ts runs. Prints one line per finding. */
export function checkLanguage(paths: readonly string[] = []): { name: string; passed: boolean } {
  const findings = trackedFiles(paths).flatMap((file) => findBannedWords(file, readText(file)));
  for (const { file, line, found, ban } of findings)
    console.log(`${file}:${line}: "${found}": write ${ban.instead} (${ban.reason})`);
  const passed = findings.length === 0;
  console.log(passed ? "ok  language" : `FAILED  language: ${findings.length} banned words (scripts/banned-words.ts)`);
  return { name: "language", passed };
}

/** @returns the findings in the file's path (line 1), then those in its text, in reading order */
export function findBannedWords(file: string, unmasked: string): Finding[] {
  if (isExempt(file)) return [];
  const content = unmasked.replace(EXEMPT_TEXT, blank);
  const inPath = longestMatches(matches(file, ["text", "name", "code"]));
  const inCode = /\.[cm]?tsx?$/.test(file) ? matches(maskProse(file, content), ["code"]) : [];
  const inText = longestMatches([...matches(content, ["text", "name"]), ...inCode]);
  return [
    ...inPath.map(({ found, ban }) => ({ file, line: 1, found, ban })),
    ...inText.map(({ found, ban, start }) => ({ file, line: lineAt(content, start), found, ban })),
  ];
}

export function isExempt(file: string): boolean {
  return EXEMPT.some(({ path }) => (path.endsWith("/") ? file.startsWith(path) : file === path));
}

function matches(content: string, scopes: readonly Scope[]): Match[] {
  const words = wordsOf(content);
  return words.flatMap(({ text, start }, index) =>
    (PHRASES.get(text) ?? []).flatMap((phrase) => {
      const candidate = words.slice(index, index + phrase.words.length);
      if (!scopes.includes(phrase.ban.scope) || !isPhrase(content, candidate, phrase)) return [];
      const end = candidate.at(-1)?.end ?? start;
      return [{ found: content.slice(start, end).replace(/\s+/g, " "), start, end, ban: phrase.ban }];
    }),
  );
}

/** Leaves out the matches that lie within a longer one, so that each place is reported once. */
function longestMatches(all: readonly Match[]): Match[] {
  const isWithin = (inner: Match, outer: Match) =>
    outer.start <= inner.start && inner.end <= outer.end && outer.found.length > inner.found.length;
  return all
    .filter((match) => !all.some((other) => isWithin(match, other)))
    .sort((first, second) => first.start - second.start);
}

function isPhrase(content: string, candidate: readonly Word[], { words, ban }: Phrase): boolean {
  const gap = ban.scope === "text" ? TEXT_GAP : NAME_GAP;
  return words.every((expected, index) => {
    const word = candidate[index];
    const previous = candidate[index - 1];
    if (word?.text !== expected) return false;
    return previous === undefined || gap.test(content.slice(previous.end, word.start));
  });
}

/** Splits at capitals too: `rateLimit`, `RATE_LIMIT` and "rate limit" give the same two words. */
function wordsOf(content: string): Word[] {
  return [...content.matchAll(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g)].map(({ 0: word, index }) => ({
    text: word.toLowerCase(),
    start: index,
    end: index + word.length,
  }));
}

/** Blanks comments, strings and JSX text. */
function maskProse(file: string, content: string): string {
  const code = content.replace(COMMENTS_AND_STRINGS, blank);
  return file.endsWith("x") ? code.replace(JSX_TEXT, blank) : code;
}

/** Keeps offsets and line numbers as they are. */
function blank(match: string): string {
  return match.replace(/[^\n]/g, " ");
}

function lineAt(content: string, offset: number): number {
  return content.slice(0, offset).split("\n").length;
}

/** Files that are not committed yet are checked too, except ignored ones. */
function trackedFiles(paths: readonly string[]): string[] {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ...paths];
  const { status, stdout, stderr } = spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ls-files failed: ${stderr}`);
  return stdout.split("\0").filter((file) => file !== "");
}

/** @returns "" for a binary file and for one that is deleted but still in the index */
function readText(file: string): string {
  try {
    const content = readFileSync(join(ROOT, file), "utf8");
    return content.includes("\0") ? "" : content;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

if (import.meta.main) process.exitCode = checkLanguage(process.argv.slice(2)).passed ? 0 : 1;
