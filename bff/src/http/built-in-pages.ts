// The built-in templates of the gateway's pages, in the syntax of mustache. Custom ones: ERROR_PAGES, config/pages/.
import type { PageKind } from "../config/pages/page-template.ts";

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1420;--soft:#574d5f;--paper:#f3f1f5;--card:#fff;--line:#d3ccd9;--ticket:#ff86a3}
@media(prefers-color-scheme:dark){:root{--ink:#f3f1f5;--soft:#b9b0c2;--paper:#120d16;--card:#1d1623;--line:#3a3143}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--paper);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}
main{width:100%;max-width:30rem;padding:2.25rem;background:var(--card);border:1px solid var(--line);border-top:6px solid var(--ticket);border-radius:4px}
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}
p{margin:0 0 1.5rem;color:var(--soft)}
nav{display:flex;flex-wrap:wrap;gap:.75rem}
a,button{padding:.6rem 1.1rem;border:2px solid var(--ink);border-radius:4px;background:none;color:var(--ink);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
a:first-child{background:var(--ticket);border-color:var(--ticket);color:#1b1420}
@media(forced-colors:active){a:first-child{forced-color-adjust:none;background:Highlight;border-color:Highlight;color:HighlightText}}
a:focus-visible,button:focus-visible{outline:3px solid var(--ink);outline-offset:3px}
footer{margin-top:1.75rem;font-size:.8125rem;color:var(--soft)}
strong{color:var(--ink);overflow-wrap:anywhere}
code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
`;

/** @param parts HTML with placeholders */
function layout({ head = "", main }: { head?: string; main: string }): string {
  return `<!doctype html>
<html lang="{{lang}}" dir="{{dir}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${head}<title>{{title}}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>{{title}}</h1>
${main}
</main>
</body>
</html>
`;
}

export const BUILT_IN_PAGES: Readonly<Record<PageKind, string>> = {
  error: layout({
    main: `<p>{{sentence}}</p>
<nav>{{#links}}<a href="{{href}}">{{text}}</a>{{/links}}</nav>
<footer>{{helpBefore}}<code>{{requestId}}</code>{{helpAfter}}</footer>`,
  }),
  continue: layout({
    // Without a script. A Content-Security-Policy does not restrict it, unlike the redirect of a form.
    head: '<meta http-equiv="refresh" content="0;url={{url}}">\n',
    main: `<p>{{sentence}}</p>
<nav><a href="{{url}}">{{linkText}}</a></nav>`,
  }),
  confirm: layout({
    main: `<p>{{sentenceBefore}}{{#userName}}<strong><bdi>{{userName}}</bdi></strong>{{/userName}}{{sentenceAfter}}</p>
<nav><a href="{{keepHref}}">{{keepText}}</a><form method="post" action="{{action}}">{{#fields}}<input type="hidden" name="{{name}}" value="{{value}}">{{/fields}}<button>{{submitText}}</button></form></nav>`,
  }),
};
