// The error of an invalid configuration.

/** A file that is no configuration can have a fault per line. */
const MAX_FAULTS = 50;

/** All errors of a configuration: each line has the setting, the rule and the fix. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** At most 50, and then a line with the number of the others. */
  readonly faults: readonly string[];
  /** Number of all faults. */
  readonly count: number;
  /** Files whose change may cure the faults; empty without a configuration file. */
  readonly files: readonly string[];
  constructor(faults: readonly string[], files: readonly string[] = []) {
    const more = faults.length - MAX_FAULTS;
    const shown = more > 0 ? [...faults.slice(0, MAX_FAULTS), `and ${more} more`] : faults;
    super(
      `The gateway cannot start: ${faults.length === 1 ? "one setting is" : `${faults.length} settings are`} wrong.\n` +
        shown.map((fault) => `  - ${fault}`).join("\n"),
    );
    this.faults = shown;
    this.count = faults.length;
    this.files = files;
  }
}
