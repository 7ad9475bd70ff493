// The gateway's pages: languages (RFC 4647 lookup), texts, custom templates (ERROR_PAGES).
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { readErrorPages } from "../../src/config/pages/error-pages.ts";
import { BUILT_IN_LANGUAGES, placeholdersOf, type PageTextKey } from "../../src/config/pages/page-texts.ts";
import { GERMAN } from "../../src/config/pages/page-texts-de.ts";
import { templateFaults } from "../../src/config/pages/page-template.ts";
import { BUILT_IN_PAGES } from "../../src/http/built-in-pages.ts";
import { chooseLanguage, directionOf } from "../../src/http/languages.ts";
import { createPages } from "../../src/http/pages.ts";

const silent = { error() {} };
const builtIn = createPages({ errorPages: readErrorPages(undefined).errorPages, log: silent });
const failed = { code: "login_failed", requestId: "r-1", returnPath: "/a", status: 400 } as const;
const english = BUILT_IN_LANGUAGES["en"]!;

function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-pages-"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

const TEMPLATE = `<!doctype html><html lang="{{lang}}" dir="{{dir}}"><head><title>{{title}}</title>
<style>h1 { color: teal }</style></head><body><h1>{{title}}</h1><p class=x data-x="{{sentence}}">{{sentence}}</p>
{{#links}}<a href="{{href}}">{{text}}</a>{{/links}}<small>{{requestId}}</small></body></html>`;

describe("the texts of the pages", () => {
  it("every English text has a German one with the same placeholders", () => {
    for (const [key, text] of Object.entries(english)) {
      expect(GERMAN[key], key).toEqual(expect.stringMatching(/\S/));
      expect(placeholdersOf(GERMAN[key] ?? ""), key).toEqual(placeholdersOf(text));
      expect(GERMAN[key], `${key} is translated`).not.toBe(text);
    }
  });

  it("no German text is without an English one", () => {
    expect(Object.keys(GERMAN).filter((key) => !(key in english))).toEqual([]);
  });

  it.each(["store_unavailable", "overloaded", "too_many_requests", "upstream_timeout"] as const)(
    "the page of %s is not about a login: a page of a server-rendered app gets it too",
    (code) => {
      expect(english[`${code}.title`]).not.toMatch(/log/i);
      expect(GERMAN[`${code}.title`]).not.toMatch(/anmeld/i);
    },
  );

  it("German texts address the reader formally, and sentences end like the English ones", () => {
    for (const [key, text] of Object.entries(GERMAN)) {
      expect(text, key).not.toMatch(/\b(du|dich|dir|dein\w*|euch|euer)\b/i);
      const other = english[key as PageTextKey];
      if (other !== undefined && key.endsWith(".sentence")) expect(text.at(-1), key).toBe(other.at(-1));
    }
  });
});

describe("the language of a page", () => {
  it.each<[string | undefined, string]>([
    [undefined, "en"],
    ["", "en"],
    ["de", "de"],
    ["DE", "de"],
    ["de-AT", "de"],
    ["de-Latn-DE-1996", "de"],
    ["de-CH, en;q=0.8", "de"],
    ["en;q=0.8, de-CH", "de"],
    ["en, de", "en"],
    ["de;q=0.5, en;q=0.5", "de"],
    ["fr, de;q=0.3, en;q=0.2", "de"],
    ["fr", "en"],
    ["*", "en"],
    ["fr, *;q=0.1, de;q=0.5", "de"],
    ["de;q=0", "en"],
    ["de;q=0.000, de-AT", "en"],
    ["en;q=0, *", "de"],
    ["de; q=0.9 , en ;q=0.1", "de"],
    ["de;q=1.000", "de"],
    ["de;q=2, en;q=0.1", "en"],
    ["de;q=abc", "en"],
    ["deutsch", "en"],
    ["d", "en"],
    ["de_DE", "en"],
    ["zh-x-de", "en"],
    ["zh-Hant-TW", "zh-hant"],
    ["zh-Hant-x-private", "zh-hant"],
    ["zh", "en"],
    ["__proto__, constructor", "en"],
    [`${"fr,".repeat(31)}de`, "de"],
    [`${"fr,".repeat(32)}de`, "en"],
    [`${"-".repeat(15_000)},de`, "de"],
  ])("the language of a page for %s", (acceptLanguage, language) => {
    expect(chooseLanguage(["en", "de", "zh-hant"], { acceptLanguage })).toBe(language);
  });

  it("ui_locales of a login go before Accept-Language", () => {
    const choose = (first: string[]) => chooseLanguage(["en", "de"], { acceptLanguage: "en", first });
    expect([choose(["de-AT"]), choose(["fr", "de"]), choose(["fr"]), choose([])]).toEqual(["de", "de", "en", "en"]);
  });

  it("a language range of thousands of subtags costs no time (denial of service)", () => {
    const acceptLanguage = `de${"-ab".repeat(5_300)}`;
    const startMs = performance.now();
    for (let at = 0; at < 20; at++) expect(chooseLanguage(["en", "de"], { acceptLanguage })).toBe("de");
    expect(performance.now() - startMs).toBeLessThan(500);
  });

  it("the direction follows the language", () => {
    expect(["de", "en", "ar", "he", "fa", "ar-EG", "zh-Hant"].map(directionOf)).toEqual([
      ...["ltr", "ltr", "rtl", "rtl", "rtl", "rtl", "ltr"],
    ]);
  });

  it("a page names its language in the document and in its headers", () => {
    const { html, headers } = builtIn.error({ acceptLanguage: "de" }, failed);
    expect(html).toContain('<html lang="de" dir="ltr">');
    expect(html).toContain("<h1>Die Anmeldung wurde nicht abgeschlossen</h1>");
    expect(html).toContain(
      '<a href="/bff/login?returnTo=%2Fa">Noch einmal versuchen</a><a href="/">Zur Startseite</a>',
    );
    expect(headers.slice(2)).toEqual(["Content-Language", "de", "Vary", "Accept-Language"]);
  });
});

describe("a built-in page", () => {
  it("the built-in templates obey the rules of custom ones", () => {
    for (const [kind, template] of Object.entries(BUILT_IN_PAGES))
      expect(templateFaults(kind as keyof typeof BUILT_IN_PAGES, template), kind).toEqual([]);
  });

  it("a built-in page escapes every value", () => {
    const evil = `"'><img src=x onerror=alert(1)>&{{title}}`;
    const pages = [
      builtIn.error({ acceptLanguage: undefined }, { ...failed, requestId: evil, returnPath: evil }),
      builtIn.continueTo({ acceptLanguage: undefined }, "continueLogin", evil),
      builtIn.confirm(
        { acceptLanguage: undefined },
        { userName: evil, keepHref: evil, action: evil, fields: [{ name: evil, value: evil }] },
      ),
    ];
    for (const { html } of pages) {
      expect(html).not.toContain("<img");
      expect(html).not.toMatch(/="[^"]*'>/);
    }
  });
});

describe("ERROR_PAGES", () => {
  it("a custom template replaces the built-in one, with escaped values and a policy for its style", () => {
    const { errorPages, faults } = readErrorPages(
      folderWith({ "error.html": TEMPLATE.replaceAll("\n", "\r\n"), "logo.svg": "<svg/>" }),
    );
    expect(faults).toEqual([]);
    const pages = createPages({ errorPages, log: silent });
    const { html } = pages.error({ acceptLanguage: "de-CH" }, { ...failed, requestId: "<b>" });
    expect(html).toContain("<small>&lt;b&gt;</small>");
    expect(html).toContain('<html lang="de" dir="ltr">');
    const hash = createHash("sha256").update("h1 { color: teal }").digest("base64");
    expect(pages.sources("error")).toMatch(
      new RegExp(`^style-src 'self' .*'sha256-${hash.replaceAll(/[+/]/g, "\\$&")}'; img-src`),
    );
    expect(pages.sources("confirm")).not.toContain("'self'");
  });

  it("a custom template that fails while rendering is replaced by the built-in page, and logged once a minute", () => {
    const error = vi.fn<(message: string) => void>();
    const languages = BUILT_IN_LANGUAGES;
    const broken = createPages({ errorPages: { templates: { error: "{{#links}}" }, languages }, log: { error } });
    for (let at = 0; at < 3; at++)
      expect(broken.error({ acceptLanguage: undefined }, failed).html).toContain(
        "<h1>The login was not completed</h1>",
      );
    expect(error).toHaveBeenCalledTimes(1);
  });

  it("a further language is complete, and a built-in one may be replaced in part", () => {
    const arabic = Object.fromEntries(Object.entries(english).map(([key, text]) => [key, `عربي ${text}`]));
    const folder = folderWith({ "ar.json": JSON.stringify(arabic), "de.json": '{"home":"Startseite des Ladens"}' });
    const { errorPages, faults } = readErrorPages(folder);
    expect(faults).toEqual([]);
    const pages = createPages({ errorPages, log: silent });
    expect(pages.error({ acceptLanguage: "ar-EG" }, failed).html).toContain('<html lang="ar" dir="rtl">');
    expect(pages.error({ acceptLanguage: "de" }, failed).html).toContain(">Startseite des Ladens</a>");
  });

  it("a section may stand inside a tag", () => {
    const template = `${TEMPLATE}<p {{#helpBefore}}class="help"{{/helpBefore}} title='{{title}}'>`;
    expect(templateFaults("error", template)).toEqual([]);
  });

  it("a pipe in the folder is reported and does not block the start", () => {
    const folder = folderWith({});
    execFileSync("mkfifo", [join(folder, "error.html")]);
    expect(readErrorPages(folder).faults.join()).toMatch(/^ERROR_PAGES: error\.html .*a pipe or a device/);
  });

  const large = TEMPLATE + "x".repeat(300_000);
  it.each<[string, Record<string, string | Uint8Array>, RegExp]>([
    [
      "a missing placeholder",
      { "error.html": TEMPLATE.replace("{{requestId}}", "") },
      /error\.html lacks \{\{requestId\}\}/,
    ],
    ["a missing member", { "error.html": TEMPLATE.replace("{{href}}", "") }, /lacks \{\{href\}\} in \{\{#links\}\}/],
    ["a member outside its list", { "error.html": `${TEMPLATE}{{href}}` }, /unknown placeholder \{\{href\}\}/],
    ["an unknown placeholder", { "error.html": `${TEMPLATE}{{titel}}` }, /Did you mean \{\{title\}\}\?/],
    ["three braces", { "error.html": `${TEMPLATE}{{{title}}}` }, /"title" unescaped/],
    ["an ampersand", { "error.html": `${TEMPLATE}{{&title}}` }, /"title" unescaped/],
    ["a partial", { "error.html": `${TEMPLATE}{{>title}}` }, /as a partial/],
    ["other delimiters", { "error.html": `${TEMPLATE}{{=<% %>=}}` }, /other delimiters/],
    ["an open section", { "error.html": `${TEMPLATE}{{#links}}` }, /not a mustache template: Unclosed section/],
    ["a script", { "error.html": `${TEMPLATE}<script src="/a.js"></script>` }, /has a script/],
    ["a style attribute", { "error.html": `${TEMPLATE}<p style="color:red">` }, /style attribute/],
    ["a value without quotes", { "error.html": `${TEMPLATE}<p title={{title}}>` }, /in a tag outside quotes/],
    ["an attribute's name", { "error.html": `${TEMPLATE}<p class="a" {{code}}="b">` }, /in a tag outside quotes/],
    [
      "a placeholder in a style",
      { "error.html": `${TEMPLATE}<style>p{color:{{title}}}</style>` },
      /placeholder in <style>/,
    ],
    ["a large file", { "error.html": large }, /larger than 256 kB/],
    ["invalid UTF-8", { "error.html": Uint8Array.from([0xff, 0xfe]) }, /error\.html is a file that is not UTF-8/],
    [
      "a misspelt file",
      { "eror.html": TEMPLATE },
      /eror\.html is not the name of a template\. Did you mean error\.html\?/,
    ],
    ["an incomplete language", { "fr.json": '{"home":"Accueil"}' }, /fr\.json lacks \d+ texts/],
    ["an unknown text", { "de.json": '{"hom":"x"}' }, /unknown text "hom"\. Did you mean "home"\?/],
    ["a lost placeholder", { "de.json": '{"help":"Hilfe"}' }, /must have the placeholders \{requestId\} in "help"/],
    ["an added placeholder", { "de.json": '{"home":"{name}"}' }, /in "home"/],
    ["no JSON", { "de.json": "{" }, /de\.json is not a JSON object of strings/],
    ["a nested text", { "de.json": '{"home":{"x":"y"}}' }, /is not a JSON object of strings/],
    ["no language", { "deutsch_1.json": "{}" }, /not named after a language tag/],
  ])("%s in ERROR_PAGES is one sentence", (_what, files, sentence) => {
    const { faults } = readErrorPages(folderWith(files));
    expect(faults.join("\n")).toMatch(sentence);
    for (const fault of faults) expect(fault).toMatch(/^ERROR_PAGES: .*[.?]$/s);
  });

  it("a missing folder and a folder in place of a file are sentences", () => {
    expect(readErrorPages("/nonexistent/pages").faults).toEqual([
      "ERROR_PAGES is not a folder that can be read (ENOENT). Mount it or correct the path.",
    ]);
    const folder = folderWith({});
    mkdirSync(join(folder, "error.html"));
    expect(readErrorPages(folder).faults).toEqual([]);
  });
});
