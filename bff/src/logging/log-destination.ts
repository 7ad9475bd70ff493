// Buffered log destination: collects lines and writes them together. One write per line would be a tenth of the cost of a
// request, and pino's own buffer recomputes its byte length with every line.
import sonicBoom from "sonic-boom";

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
  return createLogDestination(standardOutput({ maxWrite: PIPE_BYTES }), PIPE_BYTES);
}

/** A pipe whose reader has gone takes no more lines, and must not keep the process from ending. */
function standardOutput(options: { maxWrite?: number } = {}): Output {
  let isBroken = false;
  // Not pino's own version of SonicBoom: its flushSync repeats a failed write without end.
  const output = new sonicBoom.SonicBoom({ fd: 1, sync: false, ...options });
  output.on("error", () => (isBroken = true));
  return {
    write(text) {
      if (!isBroken) output.write(text);
    },
    flushSync() {
      try {
        if (!isBroken) output.flushSync();
      } catch {
        isBroken = true;
      }
    },
  };
}

/** @param output standard output, or a test's replacement */
export function createLogDestination(
  output: Output = standardOutput(),
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
