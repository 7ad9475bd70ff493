// docs/reference/log-events.md against the log calls in the source.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/reference/log-events.md"), "utf8");
const sources = globSync("bff/src/**/*.ts", { cwd: root }).map((file) => readFileSync(join(root, file), "utf8"));

const LOG_CALL = /\b\w*log\??\.(debug|info|warn|error)\(/gi;
/** The level is computed: `log[isReady ? "info" : "error"](…)`. */
const COMPUTED_LEVEL = /\b\w*log\[([^\]]+)\]\(/gi;

/** The source text of the first argument of a call, from behind its opening parenthesis. */
function firstArgument(text: string): string {
  let depth = 0;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (quote !== "") {
      if (char === "\\") at++;
      else if (char === quote) quote = "";
    } else if (/["'`]/.test(char)) quote = char;
    else if (/[([{]/.test(char)) depth++;
    else if (/[)\]}]/.test(char) && depth-- === 0) return text.slice(0, at);
    else if (char === "," && depth === 0) return text.slice(0, at);
  }
  return text;
}

/** String literals; of a template only what precedes its first expression, as `text …` in the documentation. */
const messagesIn = (argument: string) =>
  [...argument.matchAll(/"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)].map(([, plain, template = ""]) =>
    plain === undefined ? template.replace(/\$\{[\s\S]*$/, "…") : plain,
  );

const logged = sources.flatMap((source) => [
  ...[...source.matchAll(LOG_CALL)].map((match) => ({
    levels: match[1] ?? "",
    messages: messagesIn(firstArgument(source.slice(match.index + match[0].length))),
  })),
  ...[...source.matchAll(COMPUTED_LEVEL)].map((match) => ({
    levels: [...(match[1] ?? "").matchAll(/\? "(\w+)" : "(\w+)"/g)].map(([, a, b]) => `${a}, ${b}`).join(),
    messages: messagesIn(firstArgument(source.slice(match.index + match[0].length))),
  })),
]);

const rows = [...page.matchAll(/^\| ((?:debug|info|warn|error)(?:, \w+)?) \| `([^`]+)` \|/gm)].map(
  ([, levels = "", message = ""]) => ({ levels, message }),
);

describe("the log event reference", () => {
  it("the log event reference lists every message in the source, with its level", () => {
    const calls = logged.flatMap(({ levels, messages }) => messages.map((message) => `${levels} | ${message}`));
    expect(calls.length).toBeGreaterThan(25);
    const documented = new Set(rows.map(({ levels, message }) => `${levels} | ${message}`));
    // "security event" and the log's own methods are documented in their own sections.
    expect(calls.filter((call) => !documented.has(call) && !call.endsWith("| security event"))).toEqual([]);
  });

  it("the log event reference lists no message that the source does not contain", () => {
    const text = sources.join("\n");
    expect(rows.filter(({ message }) => !text.includes(message.replace(/…$/, ""))).map((row) => row.message)).toEqual(
      [],
    );
  });

  it("the log event reference lists every security event", () => {
    const union = sources.map((source) => /export type SecurityEvent =([^;]+);/.exec(source)?.[1]).find(Boolean) ?? "";
    const events = [...union.matchAll(/"(\w+)"/g)].map(([, event = ""]) => event);
    const section = page.slice(page.indexOf("## Security events"), page.indexOf("## Messages"));
    expect([...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, event = ""]) => event).toSorted()).toEqual(
      events.toSorted(),
    );
  });

  it("the log event reference lists every field that a line may have", () => {
    const type =
      sources.map((source) => /export type LogFields = \{([\s\S]+?)\n\};/.exec(source)?.[1]).find(Boolean) ?? "";
    const fields = [...type.matchAll(/^ {2}(\w+)\?:/gm)].map(([, field = ""]) => field);
    expect(fields.length).toBeGreaterThan(10);
    expect(fields.filter((field) => !page.includes(`\`${field}\``))).toEqual([]);
  });
});
