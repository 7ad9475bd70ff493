// Which keys of upstream rows name files.

/** Keys of rows whose values are paths, such as `caFile` and `file`. */
export const FILE_KEY = /^file$|File$/;

/** @returns the paths that rows name, also invalid ones */
export function filesOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    typeof inner === "string" ? (FILE_KEY.test(key) ? [inner] : []) : filesOf(inner),
  );
}
