// The gateway's JSON log for a person's eyes: warnings and errors, or everything once LOG_LEVEL is set.

const WARNING = 40;
const LEVELS: Record<number, string> = { 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "fatal" };
const OF_NO_INTEREST = new Set(["level", "time", "service", "msg", "pid", "hostname"]);

/** @returns undefined for a line that nobody needs to see */
export function readableLine(line: string, showsAll: boolean): string | undefined {
  const entry = parse(line);
  // What is not JSON is a start-up message or a crash.
  if (entry === undefined) return line;
  const level = typeof entry["level"] === "number" ? entry["level"] : WARNING;
  if (!showsAll && level < WARNING) return undefined;
  const details = Object.entries(entry)
    .filter(([name]) => !OF_NO_INTEREST.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return `gateway ${LEVELS[level] ?? level}: ${String(entry["msg"])}${details.length > 0 ? ` (${details.join(" ")})` : ""}`;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
