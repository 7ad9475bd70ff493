// The language check: each entry of the word list is found, in every form in which it may be written.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BANNED } from "../banned-words.ts";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { checkLanguage, findBannedWords, isExempt } from "../language.ts";

const phrases = BANNED.flatMap(({ scope, phrases: list }) => list.map((phrase) => ({ scope, phrase })));
const textPhrases = phrases.filter(({ scope }) => scope === "text").map(({ phrase }) => phrase);
const namePhrases = phrases.filter(({ scope }) => scope === "name").map(({ phrase }) => phrase);
const codePhrases = phrases.filter(({ scope }) => scope === "code").map(({ phrase }) => phrase);

const camel = (phrase: string) => phrase.replace(/ (\w)/g, (_, letter: string) => letter.toUpperCase());
const linesOf = (file: string, content: string) => findBannedWords(file, content).map(({ line }) => line);

describe("words banned in text", () => {
  it.each(textPhrases)("the banned word %s is found in a comment", (phrase) => {
    expect(linesOf("a.ts", `const a = 1;\n// The gateway ${phrase}, here.\n`)).toEqual([2]);
  });

  it.each(textPhrases)("the banned word %s is found in a string", (phrase) => {
    expect(linesOf("a.ts", `log("token: ${phrase}");\n`)).toEqual([1]);
  });

  it.each(textPhrases)("the banned word %s is found as an identifier", (phrase) => {
    expect(linesOf("a.ts", `const ${camel(phrase)}Ms = 1;\n`)).toEqual([1]);
  });

  it.each(textPhrases)("the banned word %s is found in capitals", (phrase) => {
    expect(linesOf("a.md", `${phrase.toUpperCase()}\n${phrase.replace(" ", "_").toUpperCase()}_MS\n`)).toEqual([1, 2]);
  });

  it.each(["a.css", "a.sh", "a.yaml", "a.html", "a.ftl", "a.lua", "a.md", "Dockerfile"])(
    "the file %s is searched whatever its syntax",
    (file) => {
      expect(linesOf(file, "nobody")).toEqual([1]);
    },
  );

  it.each([
    ["a line comment", "// what is\n  // told to it\n"],
    ["a doc comment", "/** what is\n * told to it */\n"],
    ["a shell comment", "# what is\n# told to it\n"],
    ["a concatenated string", '"what is " +\n  "told to it"\n'],
    ["a paragraph", "what is\ntold to it\n"],
  ])("a phrase that %s breaks over two lines is found on the first", (_, content) => {
    expect(linesOf("a.ts", content)).toEqual([1]);
  });

  it.each(["nobodys", "that hand", "at handover", "at. Hand", "is, told", "so longer", "weathered"])(
    "the text %j contains no banned word",
    (content) => {
      expect(linesOf("a.md", content)).toEqual([]);
    },
  );
});

describe("names of the glossary", () => {
  it.each(namePhrases)("the glossary name %s is found as an identifier, a constant and a file name", (phrase) => {
    const kebab = phrase.replaceAll(" ", "-");
    const content = `${camel(phrase)};\n${phrase.replaceAll(" ", "_").toUpperCase()};\nimport "./${kebab}.ts";\n`;
    expect(linesOf("a.ts", content)).toEqual([1, 2, 3]);
    expect(linesOf(`bff/src/${kebab}.ts`, "")).toEqual([1]);
  });

  it("words of a name are allowed in a sentence", () => {
    expect(linesOf("a.md", "The mutants run one at a time. The list is a bounded map.")).toEqual([]);
  });
});

describe("words banned in code", () => {
  it.each(codePhrases)("the banned word %s is found in an identifier of TypeScript", (phrase) => {
    expect(linesOf("a.ts", `const ${phrase} = 1;\nfunction ${phrase}All() {}\ntype My${camel(` ${phrase}`)} = 1;\n`)) //
      .toEqual([1, 2, 3]);
  });

  it.each(codePhrases)("the word %s is allowed in comments, strings and JSX text", (phrase) => {
    const content = `// ${phrase}\n/* ${phrase} */ f("${phrase}", '${phrase}', \`\n${phrase}\`);\n<p>${phrase}</p>;\n`;
    expect(linesOf("a.tsx", content)).toEqual([]);
  });

  it.each(codePhrases)("the word %s is allowed outside of TypeScript", (phrase) => {
    expect(linesOf("a.md", phrase)).toEqual([]);
  });
});

describe("exemptions", () => {
  it.each(["CHANGELOG.md", "docs/CONTRIBUTING.md", "docs/decisions/0001-x.md", "LICENSE"])(
    "the exempt path %s may hold banned words",
    (file) => {
      expect(isExempt(file)).toBe(true);
      expect(linesOf(file, "nobody")).toEqual([]);
    },
  );

  it("a link to a decision record may hold a banned word", () => {
    expect(linesOf("README.md", "[0010](docs/decisions/0010-addresses-left-alone.md)\nleft alone")).toEqual([2]);
  });

  it.each(["README.md", "docs/decisions.md", "bff/CHANGELOG.md", "scripts/language.ts"])(
    "the path %s is checked",
    (file) => {
      expect(isExempt(file)).toBe(false);
    },
  );
});

describe("the command", () => {
  it("checkLanguage passes for the files of the check itself", () => {
    expect(checkLanguage(["scripts/language.ts", "scripts/banned-words.ts"])).toEqual({
      name: "language",
      passed: true,
    });
  });

  it("the exit status is 0 where the given paths hold no banned word", () => {
    const script = join(ROOT, "scripts", "language.ts");
    const { status, stdout } = spawnSync(process.execPath, [script, "scripts/language.ts"], { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "ok  language\n" });
  });

  it("a finding names the file, the line, the word and what to write instead", () => {
    const [finding] = findBannedWords("README.md", "\nNobody waits.");
    expect(finding).toMatchObject({ file: "README.md", line: 2, found: "Nobody" });
    expect(finding?.ban.instead).toContain("no client");
  });
});
