// Digests of the files that the configuration was loaded from, as they were read. The watch compares with them, so that a
// change between loading and its first comparison is not missed.
import { createHash } from "node:crypto";
import { resolve } from "node:path";

const digests = new Map<string, string>();

export function contentDigest(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("base64");
}

/** The content of a folder: the names of its entries. */
export function folderContent(names: readonly string[]): string {
  return names.toSorted().join("\0");
}

export function rememberContent(path: string, content: Uint8Array | string): void {
  digests.set(resolve(path), contentDigest(content));
}

/** A file that is missing while the configuration is loaded cures the fault when it appears. */
export function rememberFailure(path: string, error: unknown): void {
  // The content of a folder is remembered by its reader.
  if ((error as NodeJS.ErrnoException).code !== "EISDIR") digests.set(resolve(path), unreadable(error));
}

/** What stands for the content of a file that cannot be read. */
export function unreadable(error: unknown): string {
  return `! ${(error as NodeJS.ErrnoException).code ?? ""}`;
}

/** @returns undefined if the file has never been read */
export function digestWhenLoaded(path: string): string | undefined {
  return digests.get(resolve(path));
}
