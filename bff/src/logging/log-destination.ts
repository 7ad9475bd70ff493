// Buffered log destination: collects lines and writes them together. One write per line would be a tenth of the cost of a
// request, and pino's own buffer recomputes its byte length with every line.
import { pino } from "pino";

export type LogDestination = {
  write: (line: string) => void;
  /** Starts writing the buffer; returns immediately. */
  flush: () => void;
  /** Writes the buffer and returns when it is written. Call it before the process exits. */
  flushSync: () => void;
};

type Output = { write: (text: string) => void; flushSync: () => void };

const MAX_BUFFERED_CHARACTERS = 32_768;
const MAX_BUFFERED_MS = 250;
/** Largest write to a pipe that is atomic (POSIX, PIPE_BUF); longer ones of several processes could interleave. */
const PIPE_BYTES = 4_096;

/** For a standard output shared by several workers. */
export function createSharedLogDestination(): LogDestination {
  return createLogDestination(pino.destination({ dest: 1, sync: false, maxWrite: PIPE_BYTES }), PIPE_BYTES);
}

/** @param output standard output, or a test's replacement */
export function createLogDestination(
  output: Output = pino.destination({ dest: 1, sync: false }),
  maxCharacters = MAX_BUFFERED_CHARACTERS,
): LogDestination {
  let buffered = "";
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (buffered === "") return;
    const text = buffered;
    buffered = "";
    output.write(text);
  };
  const flushSync = (): void => {
    flush();
    output.flushSync();
  };
  // Covers `process.exit` calls without a preceding flush.
  process.once("exit", flushSync);
  return {
    write(line) {
      if (buffered.length + line.length > maxCharacters) flush();
      buffered += line;
      if (buffered.length >= maxCharacters) flush();
      else timer ??= setTimeout(flush, MAX_BUFFERED_MS).unref();
    },
    flush,
    flushSync,
  };
}
