// The watch of the configuration file, on a real file system.
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { readErrorPages } from "../../../src/config/pages/error-pages.ts";
import { readTextFile } from "../../../src/config/setting-text.ts";
import { watchConfigFile, type ConfigWatch } from "../../../src/config/file/watch-config-file.ts";

const watches: ConfigWatch[] = [];
afterEach(() => watches.splice(0).forEach((each) => each.close()));

const SETTLE_MS = 120;

async function watched({ events = true, pollMs = 40 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-watch-"));
  const file = join(folder, "cloakroom.yaml");
  const secret = join(folder, "secret");
  writeFileSync(file, "one");
  writeFileSync(secret, "one");
  // As the configuration is loaded before it is watched.
  for (const path of [file, secret]) readTextFile(path);
  const seen: string[] = [];
  const content = (path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "missing";
    }
  };
  const onChange = () => void seen.push(`${content(file)} ${content(secret)}`);
  watches.push(watchConfigFile(() => [file, secret], onChange, { events, pollMs, settleMs: SETTLE_MS }));
  await sleep(60);
  return { folder, file, secret, seen };
}

describe.each([
  ["by events", { events: true, pollMs: 60_000 }],
  ["by polling alone", { events: false, pollMs: 40 }],
])("a watched configuration file, %s", (_how, options) => {
  it("an edit in place is reported once", async () => {
    const { file, seen } = await watched(options);
    writeFileSync(file, "two");
    await expect.poll(() => seen).toEqual(["two one"]);
    await sleep(2 * SETTLE_MS);
    expect(seen).toHaveLength(1);
  });

  it("a file that replaces it by a rename is reported", async () => {
    const { file, folder, seen } = await watched(options);
    writeFileSync(join(folder, ".new"), "two");
    renameSync(join(folder, ".new"), file);
    await expect.poll(() => seen).toEqual(["two one"]);
  });

  it("a referenced file is reported", async () => {
    const { secret, seen } = await watched(options);
    writeFileSync(secret, "two");
    await expect.poll(() => seen).toEqual(["one two"]);
  });

  it("a half-written file is not reported", async () => {
    const { file, seen } = await watched(options);
    writeFileSync(file, "two");
    await sleep(SETTLE_MS / 2);
    writeFileSync(file, "two and three");
    await expect.poll(() => seen).toEqual(["two and three one"]);
  });
});

describe("a watched configuration file", () => {
  it("a swapped link of a Kubernetes ConfigMap is reported", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cloakroom-watch-"));
    for (const [version, text] of [
      ["..v1", "one"],
      ["..v2", "two"],
    ] as const) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "cloakroom.yaml"), text);
    }
    symlinkSync("..v1", join(folder, "..data"));
    symlinkSync(join("..data", "cloakroom.yaml"), join(folder, "cloakroom.yaml"));
    const file = join(folder, "cloakroom.yaml");
    readTextFile(file);
    const seen: string[] = [];
    const onChange = () => void seen.push(readFileSync(file, "utf8"));
    watches.push(watchConfigFile(() => [file], onChange, { pollMs: 60_000, settleMs: SETTLE_MS }));
    await sleep(60);
    symlinkSync("..v2", join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    await expect.poll(() => seen).toEqual(["two"]);
  });

  it("equal size and time do not hide a change", async () => {
    const { file, seen } = await watched({ events: false });
    const time = new Date(1_700_000_000_000);
    utimesSync(file, time, time);
    writeFileSync(file, "two");
    utimesSync(file, time, time);
    await expect.poll(() => seen).toEqual(["two one"]);
  });

  it("a touched file and a file that returns at once are not reported", async () => {
    const { file, seen } = await watched();
    utimesSync(file, new Date(), new Date());
    rmSync(file);
    await sleep(SETTLE_MS / 4);
    writeFileSync(file, "one");
    await sleep(3 * SETTLE_MS);
    expect(seen).toEqual([]);
  });

  it("a file that stays missing is reported once, and again when it returns", async () => {
    const { file, seen } = await watched();
    rmSync(file);
    await expect.poll(() => seen).toEqual(["missing one"]);
    writeFileSync(file, "one");
    await expect.poll(() => seen).toEqual(["missing one", "one one"]);
  });

  it("a file that becomes a pipe, and the file that replaces the pipe, are reported", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "cloakroom-watch-")), "cloakroom.yaml");
    writeFileSync(file, "one");
    readTextFile(file);
    const seen: number[] = [];
    const watch = watchConfigFile(
      () => [file],
      () => void seen.push(1),
      { events: false, pollMs: 40, settleMs: 60 },
    );
    watches.push(watch);
    await sleep(60);
    rmSync(file);
    execFileSync("mkfifo", [file]);
    await expect.poll(() => seen).toHaveLength(1);
    rmSync(file);
    writeFileSync(file, "two");
    await expect.poll(() => seen).toHaveLength(2);
  });

  it("a change between loading and the first comparison is reported", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cloakroom-watch-"));
    const file = join(folder, "cloakroom.yaml");
    writeFileSync(file, "loaded");
    expect(readTextFile(file)).toEqual({ text: "loaded" });
    writeFileSync(file, "two");
    const seen: string[] = [];
    const onChange = () => void seen.push(readFileSync(file, "utf8"));
    watches.push(watchConfigFile(() => [file], onChange, { events: false, pollMs: 40, settleMs: SETTLE_MS }));
    await expect.poll(() => seen).toEqual(["two"]);
    await sleep(2 * SETTLE_MS);
    expect(seen).toHaveLength(1);
  });

  it("a change of a file that is watched only now is reported", async () => {
    const { folder, file, seen } = await watched();
    const added = join(folder, "added");
    writeFileSync(added, "loaded");
    const paths = [file];
    const onChange = () => void seen.push(readFileSync(added, "utf8"));
    watches.push(watchConfigFile(() => paths, onChange, { events: false, pollMs: 40, settleMs: SETTLE_MS }));
    await sleep(60);
    expect(readTextFile(added)).toEqual({ text: "loaded" });
    writeFileSync(added, "two");
    paths.push(added);
    await expect.poll(() => seen).toEqual(["two"]);
  });

  it("a file that was missing while loading and exists at the first comparison is reported", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "cloakroom-watch-")), "ca.pem");
    expect(readTextFile(file)).toHaveProperty("fault");
    writeFileSync(file, "mounted");
    const seen: string[] = [];
    const onChange = () => void seen.push(readFileSync(file, "utf8"));
    watches.push(watchConfigFile(() => [file], onChange, { events: false, pollMs: 40, settleMs: SETTLE_MS }));
    await expect.poll(() => seen).toEqual(["mounted"]);
  });

  it("a file that is added to a folder is reported", async () => {
    const pages = mkdtempSync(join(tmpdir(), "cloakroom-pages-"));
    const seen: string[] = [];
    readErrorPages(pages);
    const onChange = () => void seen.push("changed");
    watches.push(watchConfigFile(() => [pages], onChange, { events: false, pollMs: 40, settleMs: SETTLE_MS }));
    await sleep(60);
    writeFileSync(join(pages, "fr.json"), "{}");
    await expect.poll(() => seen).toEqual(["changed"]);
  });

  it("nothing is reported after the end of the watch", async () => {
    const { file, seen } = await watched();
    watches.at(-1)?.close();
    writeFileSync(file, "two");
    await sleep(2 * SETTLE_MS);
    expect(seen).toEqual([]);
  });
});
