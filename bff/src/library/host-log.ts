// The log of a mounted gateway: every line goes to the function or logger of the host, and nowhere else.
import { Console } from "node:console";
import type { SettingWords } from "../config/setting-words.ts";
import { createLog, type ProcessLog } from "../logging/log.ts";
import type { GatewayLog, LogEntry, LogLevel } from "./types.ts";

/** pino's numbers. */
const LEVELS: Readonly<Record<number, LogLevel>> = { 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "error" };

type HostLogOptions = { level: string; words: SettingWords };

/** @param log undefined: nothing is written */
export function createHostLog(log: GatewayLog | undefined, { level, words }: HostLogOptions): ProcessLog {
  const receive = log === undefined ? undefined : receiverOf(log);
  return createLog(receive === undefined ? "silent" : level, {
    words,
    destination: {
      write(line) {
        try {
          receive?.(entryOf(line));
        } catch {
          // A fault of the host's log must not become one of the request.
        }
      },
    },
  });
}

function receiverOf(log: GatewayLog): (entry: LogEntry) => void {
  if (typeof log === "function") return log;
  if (log instanceof Console) {
    const write = consoleMethodsOf(log);
    return ({ level, time: _time, message, ...fields }) => write[level](`${message} ${JSON.stringify(fields)}`);
  }
  return ({ level, time: _time, message, ...fields }) => log[level](fields, message);
}

/** One text per entry: `console` would print the members of an object below each other, before the message. */
const consoleMethodsOf = (console: Console): Record<LogLevel, (text: string) => void> => console;

function entryOf(line: string): LogEntry {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: number; time: string; msg: string };
  return { ...fields, level: LEVELS[level] ?? "info", time, message: msg };
}
