// Value of files that are rotated while the gateway runs, such as certificates, keys and secrets: read again at each use.
import type { Parsed } from "../config/client-keys.ts";
import { readTextFile } from "../config/setting-text.ts";
import { GatewayError } from "../errors.ts";

export type FileValue<Value> = {
  /**
   * @returns the value of the files, or the last valid one while a file is missing or invalid
   * @throws GatewayError provider_unavailable if there has been no valid one
   */
  current(): Value;
  /** @returns a sentence while the last read has failed */
  fault(): string | undefined;
};

type SettingFile = { setting: string; path: string };

/** @param parse called when a text has changed; its faults are whole sentences */
export function createFileValue<Value>(
  files: readonly SettingFile[],
  parse: (...texts: string[]) => Parsed<Value>,
): FileValue<Value> {
  let seen: readonly string[] | undefined;
  let parsed: Parsed<Value> | undefined;
  return keepLastValid(() => {
    const texts: string[] = [];
    for (const { setting, path } of files) {
      const content = readTextFile(path);
      if ("fault" in content) return { fault: `${setting} ${content.fault}` };
      texts.push(content.text);
    }
    if (parsed === undefined || seen === undefined || texts.some((text, at) => text !== seen?.[at])) {
      parsed = parse(...texts);
      seen = texts;
    }
    return parsed;
  });
}

/** @param initial value read before */
export function keepLastValid<Value>(read: () => Parsed<Value>, initial?: { value: Value }): FileValue<Value> {
  let valid = initial;
  let fault: string | undefined;
  const readAgain = (): void => {
    const found = read();
    if ("value" in found) [valid, fault] = [found, undefined];
    else fault = found.fault;
  };
  // The start has checked the files; they may be missing at the first use.
  readAgain();
  return {
    current() {
      readAgain();
      if (valid === undefined) throw new GatewayError("provider_unavailable", { reason: fault ?? "" });
      return valid.value;
    },
    fault: () => fault && `${fault}. The last valid content is used`,
  };
}
