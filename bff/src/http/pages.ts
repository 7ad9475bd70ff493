// Renders the gateway's HTML pages in the language of the browser. If a custom template fails, the built-in one is used.
import mustache from "mustache";
import type { ErrorPages } from "../config/pages/error-pages.ts";
import { styleHashes, type PageKind } from "../config/pages/page-template.ts";
import { DEFAULT_LANGUAGE, type PageTexts } from "../config/pages/page-texts.ts";
import type { Log } from "../logging/log.ts";
import { createThrottledLog } from "../logging/throttled-log.ts";
import { BUILT_IN_PAGES } from "./built-in-pages.ts";
import { linksOf, type ErrorPage } from "./error-page.ts";
import { escapeHtml } from "./escape-html.ts";
import { chooseLanguage, directionOf, type PageLanguages } from "./languages.ts";
import { refreshPage } from "./refresh-page.ts";

export type Page = {
  html: string;
  /** `Content-Type`, `Content-Language` and `Vary`. */
  headers: readonly string[];
};

export type Confirmation = {
  /** Undefined: the browser has sent no session that the login would replace. */
  userName: string | undefined;
  keepHref: string;
  action: string;
  fields: readonly { name: string; value: string }[];
};

export type Pages = {
  error(wanted: PageLanguages, page: ErrorPage & { status: number }): Page;
  /** Continues to `url` at once. Its link is for browsers that do not follow a refresh. */
  continueTo(wanted: PageLanguages, notice: "continueLogin" | "continueLogout", url: string): Page;
  confirm(wanted: PageLanguages, confirmation: Confirmation): Page;
  /** Repeats the navigation to `target`; has a policy and a template of its own. */
  refresh(wanted: PageLanguages, target: string): Page;
  /** Directives of the Content-Security-Policy that the template of a page needs. */
  sources(kind: PageKind): string;
};

type Dependencies = { errorPages: ErrorPages; log: Pick<Log, "error"> };

const LOG_EVERY_MS = 60_000;

export function createPages({ errorPages, log }: Dependencies): Pages {
  const { templates, languages } = errorPages;
  const tags = [DEFAULT_LANGUAGE, ...Object.keys(languages).filter((tag) => tag !== DEFAULT_LANGUAGE)];
  const throttled = createThrottledLog(LOG_EVERY_MS);
  const renderOwn = (kind: PageKind, view: object): string | undefined => {
    const own = templates[kind];
    if (own === undefined) return undefined;
    try {
      return render(own, view);
    } catch (error) {
      throttled(() => log.error("custom page template failed, built-in page sent", { reason: `${kind}.html`, error }));
      return undefined;
    }
  };
  const inLanguage = ({ acceptLanguage, uiLocales }: PageLanguages) => {
    const tag = chooseLanguage(tags, { acceptLanguage, first: uiLocales });
    const texts = languages[tag] as PageTexts;
    const [lang = tag] = Intl.getCanonicalLocales(tag);
    const headers = ["Content-Type", "text/html; charset=utf-8", "Content-Language", lang, "Vary", "Accept-Language"];
    return { texts, lang, dir: directionOf(lang), headers };
  };
  const page = (kind: PageKind, wanted: PageLanguages, viewOf: (texts: PageTexts) => object): Page => {
    const { texts, lang, dir, headers } = inLanguage(wanted);
    const view = { ...viewOf(texts), lang, dir };
    return { html: renderOwn(kind, view) ?? render(BUILT_IN_PAGES[kind], view), headers };
  };

  return {
    error: (wanted, { status, ...error }) =>
      page("error", wanted, (texts) => {
        const key = error.explanation ?? error.code;
        const [helpBefore, helpAfter] = around(texts.help, "{requestId}");
        return {
          ...{ title: texts[`${key}.title`], sentence: texts[`${key}.sentence`], helpBefore, helpAfter },
          links: linksOf(error).map(({ href, text }) => ({ href, text: texts[text] })),
          ...{ requestId: error.requestId, code: error.code, status },
        };
      }),
    continueTo: (wanted, notice, url) =>
      page("continue", wanted, (texts) => ({
        ...{ title: texts[`${notice}.title`], sentence: texts[`${notice}.sentence`], url, linkText: texts.continue },
      })),
    confirm: (wanted, { userName, ...confirmation }) =>
      page("confirm", wanted, (texts) => {
        const kind = userName === undefined ? "confirmLogin" : "replaceLogin";
        const [sentenceBefore, sentenceAfter] = around(texts[`${kind}.sentence`], "{name}");
        return {
          ...{ ...confirmation, userName, title: texts[`${kind}.title`], sentenceBefore, sentenceAfter },
          ...{ keepText: texts[`${kind}.keep`], submitText: texts[`${kind}.submit`] },
        };
      }),
    refresh(wanted, target) {
      const { texts, lang, dir, headers } = inLanguage(wanted);
      const words = { title: texts["refresh.title"], sentence: texts["refresh.sentence"], link: texts.continue };
      return { html: refreshPage(target, { ...words, lang, dir }), headers };
    },
    sources(kind) {
      const own = templates[kind];
      const hashes = [...new Set([BUILT_IN_PAGES[kind], own ?? ""].flatMap(styleHashes))].join(" ");
      // Files of the app, such as a logo.
      return own === undefined ? `style-src ${hashes}` : `style-src 'self' ${hashes}; img-src 'self'; font-src 'self'`;
    },
  };
}

/** Every value is escaped, trusted or not (XSS, CVE-2021-32702). */
function render(template: string, view: object): string {
  return mustache.render(template, view, {}, { escape: (value: unknown) => escapeHtml(String(value)) });
}

/** @returns the text before and after the placeholder; without one, the whole text and "" */
function around(text: string, placeholder: string): [string, string] {
  const [before = "", ...after] = text.split(placeholder);
  return [before, after.join(placeholder)];
}
