// Removes invisible and bidirectional control characters from text that users or APIs control (text spoofing, "Trojan
// Source"): "Alice <U+202E>nimda" must not display as "Alice admin". The joiners U+200C and U+200D are kept: Persian
// and emoji need them.

const hiddenCharacters =
  /[\p{Cc}\u{AD}\u{61C}\u{115F}\u{1160}\u{17B4}\u{17B5}\u{180E}\u{200B}\u{200E}\u{200F}\u{2028}-\u{202E}\u{2060}-\u{206F}\u{3164}\u{FEFF}\u{FFA0}\u{FFF0}-\u{FFFB}\u{1D173}-\u{1D17A}\u{E0000}-\u{E0FFF}]|\u{34F}|[\u{180B}-\u{180D}]|\u{180F}/gu;
const lineBreaks = /\r\n|[\t\n\v\f\r\u{85}\u{2028}\u{2029}]/gu;

/** One line of visible text; lone surrogates become U+FFFD. */
export function sanitizeText(text: string): string {
  return text.toWellFormed().replace(lineBreaks, " ").replace(hiddenCharacters, "");
}

/** Sanitizes every string of a JSON value at any depth, member names included. */
export function sanitizeJson(value: unknown): unknown {
  if (typeof value === "string") return sanitizeText(value);
  if (Array.isArray(value)) return value.map(sanitizeJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [sanitizeText(name), sanitizeJson(member)]));
}

/** Indented JSON with hidden characters written as `\uXXXX`: lossless, and nothing in it is invisible. */
export function formatJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2) ?? "";
  return text.replace(hiddenCharacters, (character) => (character === "\n" ? character : unicodeEscape(character)));
}

function unicodeEscape(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
