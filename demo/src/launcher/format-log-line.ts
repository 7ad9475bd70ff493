// Formats the gateway's JSON log lines as text. Shows warnings and errors, or everything if LOG_LEVEL is set.

const WARNING = 40;
const LEVELS: Record<number, string> = { 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "fatal" };
const HIDDEN_FIELDS = new Set(["level", "time", "service", "msg", "pid", "hostname"]);

/** @returns undefined for a line below the warning level unless `showsAll` */
export function formatLogLine(line: string, showsAll: boolean): string | undefined {
  const entry = parseEntry(line);
  // Start-up messages and crashes are not JSON.
  if (entry === undefined) return line;
  const level = typeof entry["level"] === "number" ? entry["level"] : WARNING;
  if (!showsAll && level < WARNING) return undefined;
  const details = Object.entries(entry)
    .filter(([name]) => !HIDDEN_FIELDS.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return `gateway ${LEVELS[level] ?? level}: ${String(entry["msg"])}${details.length > 0 ? ` (${details.join(" ")})` : ""}`;
}

function parseEntry(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
