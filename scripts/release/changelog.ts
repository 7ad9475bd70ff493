// Keep a Changelog: turns the section "Unreleased" into the section of a release, and reads the notes of a release.

const UNRELEASED = "## Unreleased";
const STORED_SESSIONS = "### Stored sessions";

type Section = { heading: string; body: string };

/**
 * @param date of the release, as YYYY-MM-DD
 * @throws Error if there is no "Unreleased", it lacks "Stored sessions", or the version has a section already
 */
export function releaseChangelog(changelog: string, version: string, date: string): string {
  const sections = sectionsOf(changelog);
  if (sections.some(({ heading }) => versionOf(heading) === version))
    throw new Error(`CHANGELOG.md has a section of ${version} already.`);
  const unreleased = sections.find(({ heading }) => heading === UNRELEASED);
  if (unreleased === undefined) throw new Error(`CHANGELOG.md has no section "${UNRELEASED}".`);
  if (!unreleased.body.includes(`${STORED_SESSIONS}\n`))
    throw new Error(`"${UNRELEASED}" lacks "${STORED_SESSIONS}": does the release read the previous one's sessions?`);
  const next = `${UNRELEASED}\n\n${STORED_SESSIONS}\n\nRead: the format is that of ${version}.\n\n`;
  return changelog.replace(`${UNRELEASED}\n`, () => `${next}## ${version} - ${date}\n`);
}

/** @returns the text below the release's heading, or undefined where there is no such section */
export function releaseNotes(changelog: string, version: string): string | undefined {
  return sectionsOf(changelog)
    .find(({ heading }) => versionOf(heading) === version)
    ?.body.trim();
}

/** @returns the headings of the sections that do not say whether stored sessions are read */
export function sectionsWithoutCompatibility(changelog: string): string[] {
  return sectionsOf(changelog)
    .filter(({ body }) => !/^### Stored sessions\n\n(?:Not read|Read)\b/m.test(body))
    .map(({ heading }) => heading);
}

/**
 * A merge keeps both versions of an entry that one side has reworded (`merge=union` in .gitattributes).
 *
 * @returns the pairs of entries of one release that state the same: one has nearly all words of the other
 */
export function repeatedEntries(changelog: string): [string, string][] {
  return sectionsOf(changelog).flatMap(({ body }) => {
    const entries = body.split("\n").filter((line) => line.startsWith("- "));
    return entries.flatMap((entry, index) =>
      entries
        .slice(0, index)
        .filter((earlier) => isRepeated(earlier, entry))
        .map((earlier): [string, string] => [earlier, entry]),
    );
  });
}

const REPEATED_SHARE = 0.7;
const FEWEST_WORDS = 6;

function isRepeated(first: string, second: string): boolean {
  if (first === second) return true;
  const [fewer, more] = [wordsOf(first), wordsOf(second)].sort((one, other) => one.size - other.size);
  if (fewer === undefined || more === undefined || fewer.size < FEWEST_WORDS) return false;
  return [...fewer].filter((word) => more.has(word)).length / fewer.size >= REPEATED_SHARE;
}

/** Words of at least four letters, without those of links. */
function wordsOf(entry: string): Set<string> {
  return new Set(
    entry
      .replace(/\[[^\]]*\]\([^)]*\)/g, "")
      .toLowerCase()
      .match(/\w{4,}/g),
  );
}

function sectionsOf(changelog: string): Section[] {
  return changelog
    .split(/^(?=## )/m)
    .filter((part) => part.startsWith("## "))
    .map((part) => {
      const [heading = ""] = part.split("\n", 1);
      return { heading, body: part.slice(heading.length + 1) };
    });
}

/** `## 1.2.0 - 2026-12-01` is the heading of 1.2.0. */
function versionOf(heading: string): string | undefined {
  return /^## (\d+\.\d+\.\d+\S*)/.exec(heading)?.[1];
}
