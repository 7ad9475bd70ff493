// CHANGELOG.md: each section states whether stored sessions are read, and a release becomes a section of its own.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { changelogProblems } from "../changelog.ts";
import { releaseChangelog, releaseNotes, repeatedEntries, sectionsWithoutCompatibility } from "../release/changelog.ts";

const unreleased =
  "# Changelog\n\n## Unreleased\n\n### Stored sessions\n\nNot read: a new format.\n\n### Fixed\n\n- A $1.\n";
const released = releaseChangelog(unreleased, "0.2.0", "2026-12-01");

it("CHANGELOG.md states for each release whether it reads stored sessions, and lists no change twice", () => {
  expect(changelogProblems(readFileSync(join(ROOT, "CHANGELOG.md"), "utf8"))).toEqual([]);
});

it("changelogProblems reports a missing line on stored sessions and a repeated entry", () => {
  expect(changelogProblems("## Unreleased\n\n### Fixed\n\n- A.\n- A.\n")).toEqual([
    '"## Unreleased" lacks "### Stored sessions".',
    "Two entries state the same. Merge them:\n  - A.\n  - A.",
  ]);
});

describe("repeatedEntries", () => {
  const entry =
    "- `SPA_URL`: `index.html` of an app whose build is on a CDN; the last version is served during an outage.";

  it.each([
    ["the same entry", entry],
    ["a reworded entry", "- `SPA_URL`: the page of an app whose build is on a CDN. An outage serves the last version."],
    ["an entry with another link", `${entry.slice(0, -1)} ([guide](docs/guides/your-own-spa.md)).`],
  ])("repeatedEntries returns %s of one release", (_, other) => {
    expect(repeatedEntries(`## Unreleased\n\n${entry}\n\n### Fixed\n\n${other}\n`)).toEqual([[entry, other]]);
  });

  it("repeatedEntries accepts an entry that another release has", () => {
    expect(repeatedEntries(`## Unreleased\n\n${entry}\n\n## 0.2.0\n\n${entry}\n`)).toEqual([]);
  });

  it("repeatedEntries accepts entries about one setting", () => {
    const other = "- `SPA_URL` with an `ETag` in another case is revalidated, not downloaded again with each page.";
    expect(repeatedEntries(`## Unreleased\n\n${entry}\n${other}\n`)).toEqual([]);
  });
});

describe("releaseChangelog", () => {
  it("releaseChangelog moves the unreleased changes below the version and the date", () => {
    expect(released).toContain(
      "## 0.2.0 - 2026-12-01\n\n### Stored sessions\n\nNot read: a new format.\n\n### Fixed\n\n- A $1.\n",
    );
  });

  it("releaseChangelog starts the next section with the line on stored sessions", () => {
    expect(released).toContain(
      "## Unreleased\n\n### Stored sessions\n\nRead: the format is that of 0.2.0.\n\n## 0.2.0",
    );
    expect(sectionsWithoutCompatibility(released)).toEqual([]);
  });

  it("releaseChangelog rejects a release without the line on stored sessions", () => {
    expect(() => releaseChangelog("## Unreleased\n\n### Fixed\n\n- A.\n", "0.2.0", "2026-12-01")).toThrow(
      /lacks "### Stored sessions"/,
    );
  });

  it("releaseChangelog rejects a version that is released already", () => {
    expect(() => releaseChangelog(released, "0.2.0", "2026-12-02")).toThrow(/has a section of 0\.2\.0 already/);
  });
});

describe("releaseNotes", () => {
  it("releaseNotes returns the section without its heading", () => {
    const notes = releaseNotes(releaseChangelog(released, "0.3.0", "2026-12-24"), "0.2.0");
    expect(notes).toBe("### Stored sessions\n\nNot read: a new format.\n\n### Fixed\n\n- A $1.");
  });

  it("releaseNotes returns undefined for an unknown version, also for one with the same beginning", () => {
    expect(releaseNotes(released, "0.2")).toBeUndefined();
    expect(releaseNotes(released, "0.2.00")).toBeUndefined();
  });
});
