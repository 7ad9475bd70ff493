// Watches the content of the configuration file and of the files and folders that it references. Polling is the base,
// because network file systems send no events; events of the folders only shorten the wait. Contents are compared, so that
// a rename, a swapped symbolic link (Kubernetes ConfigMap) and an edit in place are the same, and a changed time alone is
// nothing.
import { watch, type FSWatcher } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { contentDigest, digestWhenLoaded, folderContent, unreadable } from "../loaded-contents.ts";

export type ConfigWatch = {
  /** Compares now, in addition to the interval. */
  check(): void;
  close(): void;
};

type WatchOptions = {
  /** Interval of the comparison. */
  pollMs?: number;
  /** A change is reported when the content has been the same for this time: an editor may still be writing. */
  settleMs?: number;
  /** Whether events of the file system are used. */
  events?: boolean;
};

/** Of many events that belong together. */
const DEBOUNCE_MS = 50;

/**
 * @param files the paths to watch; called before each comparison, because a new configuration may reference others
 * @param onChange called once for each new content; the content may be invalid, or a file missing
 */
export function watchConfigFile(
  files: () => readonly string[],
  onChange: () => void,
  { pollMs = 3_000, settleMs = 500, events = true }: WatchOptions = {},
): ConfigWatch {
  const folders = new Map<string, FSWatcher>();
  /** Contents of the last comparison. */
  let known: ReadonlyMap<string, string> = new Map();
  /** A new content, and since when it has been the same. */
  let pending: { digest: string; sinceMs: number } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let lastCheck = Promise.resolve();

  const schedule = (delayMs: number): void => {
    clearTimeout(timer);
    if (isClosed) return;
    timer = setTimeout(check, delayMs);
    timer.unref();
  };

  async function compare(): Promise<void> {
    const paths = [...new Set(files())];
    if (events) watchFolders(folders, paths, () => schedule(DEBOUNCE_MS));
    const current = new Map(await Promise.all(paths.map(async (path) => [path, await digestOf(path)] as const)));
    if (isClosed) return;
    // A file that was not watched before is compared with what was loaded.
    const isChanged = paths.some((path) => {
      const before = known.get(path) ?? digestWhenLoaded(path);
      return before !== undefined && before !== current.get(path);
    });
    if (!isChanged) {
      known = current;
      pending = undefined;
      return schedule(pollMs);
    }
    const digest = JSON.stringify([...current]);
    if (pending?.digest !== digest) pending = { digest, sinceMs: performance.now() };
    const restMs = settleMs - (performance.now() - pending.sinceMs);
    if (restMs > 0) return schedule(restMs);
    known = current;
    pending = undefined;
    schedule(pollMs);
    onChange();
  }

  /** One comparison at a time. */
  function check(): void {
    lastCheck = lastCheck.then(compare);
  }

  check();
  return {
    check,
    close() {
      isClosed = true;
      clearTimeout(timer);
      for (const watcher of folders.values()) watcher.close();
    },
  };
}

/** Of a folder: the names in it. A missing file is a content as well: it may be missing for the moment of a replacement only. */
async function digestOf(path: string): Promise<string> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) return contentDigest(folderContent(await readdir(path)));
    // To open a pipe would occupy a thread of the pool without end, and end the comparisons.
    if (!stats.isFile()) return "! not a file";
    return contentDigest(await readFile(path));
  } catch (error) {
    return unreadable(error);
  }
}

function watchFolders(folders: Map<string, FSWatcher>, paths: readonly string[], onEvent: () => void): void {
  const wanted = new Set(paths.map((path) => dirname(path)));
  for (const [folder, watcher] of folders)
    if (!wanted.has(folder)) {
      watcher.close();
      folders.delete(folder);
    }
  for (const folder of wanted) {
    if (folders.has(folder)) continue;
    try {
      const watcher = watch(folder, { persistent: false }, onEvent);
      const forget = () => {
        watcher.close();
        if (folders.get(folder) === watcher) folders.delete(folder);
      };
      watcher.once("error", forget);
      folders.set(folder, watcher);
    } catch {
      // The folder is missing, or the system has no watches left: the interval remains.
    }
  }
}
