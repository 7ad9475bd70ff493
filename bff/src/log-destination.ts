// Where log lines go: gathered for a moment and written together. A write for each line would be a tenth of a request's
// cost, and the library's own gathering measures all that it holds again with every line.
import { pino } from "pino";

export type LogDestination = {
  write: (line: string) => void;
  /** Writes what was gathered, without waiting for it. */
  flush: () => void;
  /** As flush, and returns when it is written: before the process ends. */
  flushSync: () => void;
};

type Output = { write: (text: string) => void; flushSync: () => void };

const GATHERED_CHARACTERS = 32_768;
const GATHERED_MS = 250;

/** @param output standard output, unless a test wants to see it */
export function createLogDestination(output: Output = pino.destination({ dest: 1, sync: false })): LogDestination {
  let gathered = "";
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (gathered === "") return;
    const text = gathered;
    gathered = "";
    output.write(text);
  };
  const flushSync = (): void => {
    flush();
    output.flushSync();
  };
  // Whoever ends the process without a word has said it before.
  process.once("exit", flushSync);
  return {
    write(line) {
      gathered += line;
      if (gathered.length >= GATHERED_CHARACTERS) flush();
      else timer ??= setTimeout(flush, GATHERED_MS).unref();
    },
    flush,
    flushSync,
  };
}
