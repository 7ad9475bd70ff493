// docker-compose.yml as data: what a service is started with, with its variables filled in.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const ROOT = join(import.meta.dirname, "..", "..");

type Compose = { services: Record<string, { environment?: Record<string, string> }> };

/** `${NAME}` and `${NAME:-default}`, innermost first: a default may hold another variable. */
const VARIABLE = /\$\{([A-Z_]+)(?::-([^{}]*))?\}/g;

export function fillIn(text: string, variables: Readonly<Record<string, string>>): string {
  const filled = text.replace(VARIABLE, (_, name: string, initial: string | undefined) => {
    const value = variables[name] ?? "";
    return value === "" ? (initial ?? "") : value;
  });
  return filled === text ? filled : fillIn(filled, variables);
}

/** @throws Error for a service that is not in the file */
export function composedEnvironment(
  service: string,
  variables: Readonly<Record<string, string>>,
): Record<string, string> {
  const text = readFileSync(join(ROOT, "docker-compose.yml"), "utf8");
  const { services } = parse(text, { merge: true }) as Compose;
  const found = services[service];
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${service}`);
  return Object.fromEntries(
    Object.entries(found.environment ?? {}).map(([name, value]) => [name, fillIn(value, variables)]),
  );
}
