// A name of any length in at most two letters, for headers that have no room for it.

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export function initialsOf(name: string): string {
  const words = name.split(/[\s@._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  const letters = chosen.map((word = "") => first(word.replace(/^[^\p{L}\p{N}]+/u, "")));
  return letters.join("").toLocaleUpperCase() || first(name);
}

function first(text: string): string {
  for (const { segment } of graphemes.segment(text)) return segment;
  return "";
}
