// The error of an invalid configuration.

/** All errors of a configuration: each line has the setting, the rule and the fix. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly string[];
  /** Files whose change may cure the faults; empty without a configuration file. */
  readonly files: readonly string[];
  constructor(faults: readonly string[], files: readonly string[] = []) {
    super(
      `The gateway cannot start: ${faults.length === 1 ? "one setting is" : `${faults.length} settings are`} wrong.\n` +
        faults.map((fault) => `  - ${fault}`).join("\n"),
    );
    this.faults = faults;
    this.files = files;
  }
}
