// Suggests the known name closest to a misspelt one (edit distance), for settings and keys of upstream rows.
import { closest, distance } from "fastest-levenshtein";

export type NearestName = {
  name: string;
  /** Probably a typo: edit distance at most 1 up to 10 letters, 2 up to 14, 3 from 15, or two swapped letters. */
  isTypo: boolean;
};

/** Ignores case, underscores and hyphens: `baseURL`, `base_url` and `baseUrl` are equal. */
export function nearestName(name: string, known: readonly string[]): NearestName {
  const letters = new Map(known.map((each) => [lettersOf(each), each]));
  const written = lettersOf(name);
  const others = [...letters.keys()];
  const closestName = closest(written, others);
  // Swapped letters have distance 2, and are a likelier typo than two other changes.
  const swapped = others.find((each) => sorted(each) === sorted(written) && distance(written, each) <= 2);
  const nearest = swapped !== undefined && distance(written, closestName) === 2 ? swapped : closestName;
  const steps = distance(written, nearest);
  const isSwapped = nearest === swapped;
  return { name: letters.get(nearest) ?? "", isTypo: isSwapped || steps <= allowedSteps(nearest.length) };
}

function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, "");
}

function sorted(text: string): string {
  return Array.from(text).toSorted().join("");
}

function allowedSteps(length: number): number {
  if (length <= 10) return 1;
  return length < 15 ? 2 : 3;
}
