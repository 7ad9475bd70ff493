// The outer frame of the release commands: a fault that its message explains has no stack.

/** Runs `main`. An error becomes its message on stderr and exit code 1. */
export function runCommandLine(main: () => void): void {
  try {
    main();
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
