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
/** What a pipe takes as a whole: more of it from two processes at once could be mixed up (POSIX, PIPE_BUF). */
const PIPE_BYTES = 4_096;

/** For a standard output that several processes write to. */
export function createSharedLogDestination(): LogDestination {
  return createLogDestination(pino.destination({ dest: 1, sync: false, maxWrite: PIPE_BYTES }), PIPE_BYTES);
}

/** @param output standard output, unless a test wants to see it */
export function createLogDestination(
  output: Output = pino.destination({ dest: 1, sync: false }),
  gatheredCharacters = GATHERED_CHARACTERS,
): LogDestination {
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
      if (gathered.length + line.length > gatheredCharacters) flush();
      gathered += line;
      if (gathered.length >= gatheredCharacters) flush();
      else timer ??= setTimeout(flush, GATHERED_MS).unref();
    },
    flush,
    flushSync,
  };
}
