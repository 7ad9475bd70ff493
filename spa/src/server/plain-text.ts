// Text that users or APIs chose enters the app here. Characters that are invisible or that change the order of what is
// read are removed, so that "Alice <U+202E>nimda" is not read as "Alice admin". Joiners (U+200C, U+200D) stay: Persian
// and emoji need them.

const hidden =
  /[\p{Cc}\u{AD}\u{61C}\u{115F}\u{1160}\u{17B4}\u{17B5}\u{180E}\u{200B}\u{200E}\u{200F}\u{2028}-\u{202E}\u{2060}-\u{206F}\u{3164}\u{FEFF}\u{FFA0}\u{FFF0}-\u{FFFB}\u{1D173}-\u{1D17A}\u{E0000}-\u{E0FFF}]|\u{34F}|[\u{180B}-\u{180D}]|\u{180F}/gu;
const lineBreak = /\r\n|[\t\n\v\f\r\u{85}\u{2028}\u{2029}]/gu;

export function plainText(text: string): string {
  return text.toWellFormed().replace(lineBreak, " ").replace(hidden, "");
}

/** The same for JSON of any depth, names of members included. */
export function plainValue(value: unknown): unknown {
  if (typeof value === "string") return plainText(value);
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [plainText(name), plainValue(member)]));
}

/** Formatted JSON in which such characters are written as escapes: what came is shown, and nothing else. */
export function visibleJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2) ?? "";
  return text.replace(hidden, (character) => (character === "\n" ? character : escaped(character)));
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
