// A space-separated list, as OAuth writes scopes and acr values.

export function words(value: unknown): string[] {
  return typeof value === "string" ? value.split(" ").filter((word) => word !== "") : [];
}
