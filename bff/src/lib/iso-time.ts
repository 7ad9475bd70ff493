// Timestamps in responses, log lines and CLI output: ISO 8601 in UTC with milliseconds (RFC 3339).

/** @param epochMs milliseconds since the Unix epoch */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
