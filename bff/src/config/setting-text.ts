// Reads the text of a value from the environment, a file or an upstream row, with the same clean-up and checks.
import { readFileSync, statSync } from "node:fs";
import { rememberContent, rememberFailure } from "./loaded-contents.ts";

export type SettingText = { text: string } | { fault: string };

/** Larger than any secret or upstream table. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Trims white space, line ends and a byte order mark, which editors, `echo` and Kubernetes secrets add.
 * @returns a fault if the value is empty or contains a control character, such as a second line
 */
export function cleanText(raw: string): SettingText {
  const text = raw.trim();
  if (text === "") return { fault: "is only blanks. Write the value, or remove it" };
  if (/\p{Cc}/u.test(text))
    return { fault: "holds a line break or another control character inside its value. Write the value on one line" };
  return { text };
}

/** A value in a fault. A long run of letters and digits may be a secret in the wrong setting: only its length is shown. */
export function shown(value: string): string {
  return value.replace(/[^ -~]/g, "?").replace(/[\w+=-]{20,}/g, (run) => `(${run.length} characters)`);
}

/** Reads one value from a file. */
export function readValueFile(path: string): SettingText {
  const file = readTextFile(path);
  if ("fault" in file) return file;
  const value = cleanText(file.text);
  if ("text" in value) return value;
  return file.text.trim() === ""
    ? { fault: "names a file that is empty. Write the value into it" }
    : { fault: "names a file with a line break or another control character inside its value. Write it on one line" };
}

/** Reads a UTF-8 text without its byte order mark. */
export function readTextFile(path: string): SettingText {
  const file = readBytesFile(path);
  if ("fault" in file) return file;
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(file.bytes) };
  } catch {
    return { fault: "names a file that is not UTF-8 text. Save it as UTF-8" };
  }
}

const CURES: Readonly<Record<string, string>> = {
  EISDIR: "names a folder, not a file. Name the file in it",
  EACCES: "names a file that cannot be read (EACCES). Let the gateway's user read it",
  EPERM: "names a file that cannot be read (EPERM). Let the gateway's user read it",
};

const TOO_LARGE = "names a file larger than 4 MB. Correct the path";

/** Standard input, and `<(command)` of a shell: open already. To open another pipe would wait for a writer without end. */
const READABLE_DEVICE = /^\/(?:dev\/(?:null|stdin|fd\/\d+)|proc\/self\/fd\/\d+)$/;

export function readBytesFile(path: string): { bytes: Buffer } | { fault: string } {
  try {
    const stats = statSync(path);
    if (!stats.isFile() && !stats.isDirectory() && !READABLE_DEVICE.test(path))
      return { fault: "names a pipe or a device, not a file. Correct the path" };
    if (stats.size > MAX_FILE_BYTES) return { fault: TOO_LARGE };
    const bytes = readFileSync(path);
    rememberContent(path, bytes);
    return bytes.length <= MAX_FILE_BYTES ? { bytes } : { fault: TOO_LARGE };
  } catch (error) {
    rememberFailure(path, error);
    const { code = "" } = error as NodeJS.ErrnoException;
    return { fault: CURES[code] ?? `names a file that cannot be read (${code}). Mount it or correct the path` };
  }
}
