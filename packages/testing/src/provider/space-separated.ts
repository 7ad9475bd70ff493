// Space-separated lists, as in `scope` and `acr_values` (RFC 6749 §3.3).

export function parseSpaceSeparated(value: unknown): string[] {
  return typeof value === "string" ? value.split(" ").filter((word) => word !== "") : [];
}
