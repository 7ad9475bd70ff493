// Initials: a display name as at most two letters, for the narrow header.

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Letters of the first and the last word, upper-case; the first character of a name without letters or digits. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s@._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  const letters = chosen.map((word = "") => firstGrapheme(word.replace(/^[^\p{L}\p{N}]+/u, "")));
  return letters.join("").toLocaleUpperCase() || firstGrapheme(name);
}

function firstGrapheme(text: string): string {
  for (const { segment } of graphemes.segment(text)) return segment;
  return "";
}
