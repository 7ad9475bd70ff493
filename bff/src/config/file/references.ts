// References to environment variables in texts of the configuration file: `${NAME}`, `${NAME:-default}`, and `$${` for a
// literal `${`. Messages contain names, never values.

type Environment = Readonly<Record<string, string | undefined>>;

export type Expanded = {
  text: string;
  /** Variables that the text references, whether set or not. */
  names: readonly string[];
  /** One sentence part per reference that cannot be replaced. */
  faults: readonly string[];
};

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const NAME_AND_DEFAULT = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([^${]*))?$/;

/** A variable that is empty counts as not set, as everywhere in the environment. A value is not expanded again. */
export function expandReferences(text: string, env: Environment): Expanded {
  const names: string[] = [];
  const faults: string[] = [];
  const expanded = text.replaceAll(REFERENCE, (whole: string, inner: string | undefined, end: string) => {
    if (inner === undefined) return "${";
    const [, name, fallback] = end === "}" ? (NAME_AND_DEFAULT.exec(inner) ?? []) : [];
    if (name === undefined) {
      faults.push("has a ${ that begins no reference. Write ${NAME} or ${NAME:-default}, or $${ for the characters ${");
      return whole;
    }
    names.push(name);
    const value = env[name];
    if (value !== undefined && value !== "") return value;
    if (fallback === undefined)
      faults.push(`references \${${name}}, which is not set in the environment. Set it, or write \${${name}:-default}`);
    return fallback ?? "";
  });
  return { text: expanded, names, faults };
}
