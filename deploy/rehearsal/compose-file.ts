// Reads service environments from docker-compose.yml and interpolates variables as Docker Compose does.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const ROOT = join(import.meta.dirname, "..", "..");

type Compose = { services: Record<string, { environment?: Record<string, string> }> };

/** `${NAME}` and `${NAME:-default}`, innermost first: a default may contain another variable. */
const VARIABLE = /\$\{([A-Z_]+)(?::-([^{}]*))?\}/g;

/** Unset and empty variables take the default, else the empty string. */
export function interpolate(text: string, variables: Readonly<Record<string, string>>): string {
  const interpolated = text.replace(VARIABLE, (_, name: string, fallback: string | undefined) => {
    const value = variables[name] ?? "";
    return value === "" ? (fallback ?? "") : value;
  });
  return interpolated === text ? interpolated : interpolate(interpolated, variables);
}

/** @throws Error if docker-compose.yml has no such service */
export function composedEnvironment(
  service: string,
  variables: Readonly<Record<string, string>>,
): Record<string, string> {
  const text = readFileSync(join(ROOT, "docker-compose.yml"), "utf8");
  const { services } = parse(text, { merge: true }) as Compose;
  const found = services[service];
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${service}`);
  return Object.fromEntries(
    Object.entries(found.environment ?? {}).map(([name, value]) => [name, interpolate(value, variables)]),
  );
}
