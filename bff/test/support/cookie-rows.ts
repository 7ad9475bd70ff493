// Shapes of a Cookie header that make parsers disagree, each with the one correct result.

/**
 * `own`: the header holds the browser's own cookie exactly once. `none`: not at all. `duplicate`: more than once, so
 * that it counts for nothing.
 */
export type Outcome = "own" | "none" | "duplicate";

type Values = { name: string; planted: string; own: string };

/** Header lines; the text is latin1, as Node reads it from the wire. */
export type CookieRow = [title: string, lines: (values: Values) => string | string[], outcome: Outcome];

const utf8 = (text: string) => Buffer.from(text).toString("latin1");

/** A cookie that only contains our name, in front of the browser's own. */
const MENTIONS: [title: string, before: (name: string, planted: string) => string][] = [
  ["a blank in another cookie's value", (n, p) => `theme=x ${n}=${p}`],
  ["several blanks in another cookie's value", (n, p) => `theme=x    ${n}=${p}`],
  ["a tab in another cookie's value", (n, p) => `theme=x\t${n}=${p}`],
  ["a comma in another cookie's value", (n, p) => `theme=x,${n}=${p}`],
  ["a comma and a blank in another cookie's value", (n, p) => `theme=x, ${n}=${p}`],
  ["a second = in another cookie's value", (n, p) => `theme==${n}=${p}`],
  ["a whole header in another cookie's value", (n, p) => `theme=Cookie: ${n}=${p}`],
  ["an ampersand in another cookie's value", (n, p) => `theme=x&${n}=${p}`],
  ["0xA0 in front of the name", (n, p) => `\xa0${n}=${p}`],
  ["0xA0 behind the name", (n, p) => `${n}\xa0=${p}`],
  ["0xA0 in another cookie's value", (n, p) => `theme=x\xa0${n}=${p}`],
  ["0x85 in front of the name", (n, p) => `\x85${n}=${p}`],
  ["U+00A0 in UTF-8 in front of the name", (n, p) => `${utf8("\u00a0")}${n}=${p}`],
  ["U+FEFF in front of the name", (n, p) => `${utf8("\ufeff")}${n}=${p}`],
  ["U+3000 behind the name", (n, p) => `${n}${utf8("\u3000")}=${p}`],
  ["U+2028 in another cookie's value", (n, p) => `theme=x${utf8("\u2028")}${n}=${p}`],
  ["a quoted name", (n, p) => `"${n}"=${p}`],
  ["a quoted pair", (n, p) => `"${n}=${p}"`],
  ["a quoted value that mentions the name", (n, p) => `theme="${n}=${p}"`],
  ["a nameless cookie", (n) => n],
  ["a nameless cookie whose value is a pair", (n, p) => `=${n}=${p}`],
  ["a nameless cookie behind a blank", (n, p) => `= ${n}=${p}`],
  ["the name in capitals", (n, p) => `${n.toUpperCase()}=${p}`],
  ["the name in small letters", (n, p) => `${n.toLowerCase()}=${p}`],
  ["a name that ends like ours", (n, p) => `x${n}=${p}`],
  ["a name that begins like ours", (n, p) => `${n}x=${p}`],
  ["a name with a blank inside", (n, p) => `${n.slice(0, 7)} ${n.slice(7)}=${p}`],
  ["two names in one", (n, p) => `x ${n}=${p}`],
  ["an escaped name", (n, p) => `%5F${n.slice(1)}=${p}`],
  ["an escaped blank and =", (n, p) => `theme=x%20${n}%3D${p}`],
  ["a colon for =", (n, p) => `${n}:${p}`],
  ["names of the prototype", (_n, p) => `__proto__=${p}; constructor=${p}`],
  ["12 kB of another cookie", (n, p) => `theme=${"x".repeat(12_000)} ${n}=${p}`],
  [
    "500 other cookies",
    (n, p) => `${Array.from({ length: 500 }, (_, at) => `c${at}=x`).join("; ")}; theme=x ${n}=${p}`,
  ],
  ["attributes of RFC 2965", (n, p) => `$Version=1; $Path="/ ${n}=${p}"`],
];

const REPEATED: [title: string, header: (values: Values) => string | string[]][] = [
  ["planted, then own", ({ name, planted, own }) => `${name}=${planted}; ${name}=${own}`],
  ["own, then planted", ({ name, planted, own }) => `${name}=${own}; ${name}=${planted}`],
  ["without a blank between", ({ name, planted, own }) => `${name}=${planted};${name}=${own}`],
  ["a tab between", ({ name, planted, own }) => `${name}=${planted};\t${name}=${own}`],
  ["far apart", ({ name, planted, own }) => `${name}=${planted}; a=b; c=d; ${name}=${own}; e=f`],
  ["the same value twice", ({ name, own }) => `${name}=${own}; ${name}=${own}`],
  ["an empty one", ({ name, own }) => `${name}=; ${name}=${own}`],
  ["a quoted one", ({ name, planted, own }) => `${name}="${planted}"; ${name}=${own}`],
  ["one with ==", ({ name, planted, own }) => `${name}==${planted}; ${name}=${own}`],
  ["a blank before =", ({ name, planted, own }) => `${name} =${planted}; ${name}=${own}`],
  ["a tab before =", ({ name, planted, own }) => `${name}\t=${planted}; ${name}=${own}`],
  ["a value with a blank inside", ({ name, planted, own }) => `${name}=x ${planted}; ${name}=${own}`],
  ["three of them", ({ name, planted, own }) => `${name}=${planted}; ${name}=${own}; ${name}=${planted}`],
  [
    "a quote that opens before and ends behind",
    ({ name, planted, own }) => `a="x; ${name}=${planted}; b="; ${name}=${own}`,
  ],
  ["two lines", ({ name, planted, own }) => [`${name}=${planted}`, `${name}=${own}`]],
  ["two lines, the own one first", ({ name, planted, own }) => [`a=b; ${name}=${own}`, `${name}=${planted}; c=d`]],
];

const ALONE: CookieRow[] = [
  ["the own cookie alone", ({ name, own }) => `${name}=${own}`, "own"],
  ["the own cookie between blanks and tabs", ({ name, own }) => `\t ${name}=${own} \t`, "own"],
  ["empty pairs around the own cookie", ({ name, own }) => `;; ;${name}=${own};;=;`, "own"],
  ["a quoted value is not the value", ({ name, planted }) => `${name}="${planted}"`, "none"],
  ["a value with something behind it", ({ name, planted }) => `${name}=${planted} x`, "none"],
  [
    "an escaped value",
    ({ name, planted }) => `${name}=%${planted.charCodeAt(0).toString(16)}${planted.slice(1)}`,
    "none",
  ],
  ["0xA0 around the value", ({ name, planted }) => `${name}=\xa0${planted}\xa0`, "none"],
];

export const COOKIE_ROWS: CookieRow[] = [
  ...ALONE,
  ...MENTIONS.map(([title, before]): CookieRow => [
    `${title}, then the own cookie`,
    ({ name, planted, own }) => `${before(name, planted)}; ${name}=${own}`,
    "own",
  ]),
  ...MENTIONS.map(([title, before]): CookieRow => [
    `${title}, behind the own cookie`,
    ({ name, planted, own }) => `${name}=${own}; ${before(name, planted)}`,
    "own",
  ]),
  ...MENTIONS.map(([title, before]): CookieRow => [
    `${title}, on a line of its own`,
    ({ name, planted, own }) => [before(name, planted), `${name}=${own}`],
    "own",
  ]),
  ...MENTIONS.map(([title, before]): CookieRow => [
    `${title}, without the own cookie`,
    ({ name, planted }) => before(name, planted),
    "none",
  ]),
  ...REPEATED.map(([title, header]): CookieRow => [`twice: ${title}`, header, "duplicate"]),
];
