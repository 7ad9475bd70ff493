// The known name that a misspelt one probably means: for settings and for keys of an upstream row.
import { closest, distance } from "fastest-levenshtein";

export type NearestName = {
  name: string;
  /** Close enough that another meaning is unlikely: at most one wrong letter in ten or fewer, three in 15 or more. */
  isTypo: boolean;
};

/** Case, underscores and hyphens do not count: `baseURL`, `base_url` and `baseUrl` are one name. */
export function nearestName(name: string, known: readonly string[]): NearestName {
  const letters = new Map(known.map((each) => [lettersOf(each), each]));
  const written = lettersOf(name);
  const nearest = closest(written, [...letters.keys()]);
  const steps = distance(written, nearest);
  // Two letters that changed places count as two steps.
  const isSwapped = steps <= 2 && sorted(written) === sorted(nearest);
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
