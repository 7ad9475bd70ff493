// Formats the JSON log lines of the gateway for a terminal.

export type LogLine = { level: "info" | "warn" | "error"; text: string };

const WARNING = 40;
const ERROR = 50;
const HIDDEN_FIELDS = new Set(["level", "time", "service", "msg", "pid", "hostname", "application", "error"]);

/** @returns warnings and errors, and with `showsAll` every line */
export function parseLogLine(line: string, showsAll: boolean): LogLine | undefined {
  const entry = parseEntry(line);
  // Messages at the start and crashes are not JSON.
  if (entry === undefined) return line.trim() === "" ? undefined : { level: "warn", text: line };
  const number = typeof entry["level"] === "number" ? entry["level"] : WARNING;
  if (number < WARNING && !showsAll) return undefined;
  const details = Object.entries(entry)
    .filter(([name]) => !HIDDEN_FIELDS.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const text = `${String(entry["msg"])}${details.length > 0 ? ` (${details.join(" ")})` : ""}`;
  return { level: number >= ERROR ? "error" : number >= WARNING ? "warn" : "info", text };
}

function parseEntry(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
