// Where the gateway's configuration comes from, and the environment of its process.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { CloakroomOptions, InlineConfig } from "./options.ts";

export type ConfigurationSource =
  | { kind: "file"; path: string }
  | { kind: "inline"; config: InlineConfig }
  | { kind: "environment" };

/** Settings of an application that the plugin determines. Beside a file they are an error unless the file references them. */
export type ApplicationSettings = {
  PUBLIC_ORIGIN: string;
  SPA_ROOT?: string;
  OIDC_ISSUER?: string;
  OIDC_CLIENT_ID?: string;
  OIDC_CLIENT_SECRET?: string;
  INSECURE_COOKIES?: string;
};

const DEFAULT_FILE = "cloakroom.yaml";

export function configurationSource(config: CloakroomOptions["config"], root: string): ConfigurationSource {
  if (typeof config === "object") return { kind: "inline", config };
  const path = resolve(root, config ?? DEFAULT_FILE);
  return config !== undefined || existsSync(path) ? { kind: "file", path } : { kind: "environment" };
}

/**
 * Writes an inline configuration to `folder`.
 * @returns the value of CLOAKROOM_CONFIG, relative to `root` where possible; undefined: the environment configures the gateway
 */
export function configurationFile(source: ConfigurationSource, root: string, folder: string): string | undefined {
  if (source.kind === "environment") return undefined;
  if (source.kind === "file") {
    const path = relative(root, source.path);
    return path.startsWith("..") ? source.path : path;
  }
  const file = join(folder, "cloakroom.json");
  // May contain secrets.
  writeFileSync(file, JSON.stringify(withReferences(source.config), null, 2), { mode: 0o600 });
  return file;
}

/** An inline configuration need not repeat what the plugin determines. */
function withReferences(config: InlineConfig): InlineConfig {
  const { provider, ...others } = config;
  return {
    origin: "${PUBLIC_ORIGIN}",
    insecureCookies: "${INSECURE_COOKIES:-never}",
    ...others,
    provider: {
      issuer: "${OIDC_ISSUER}",
      clientId: "${OIDC_CLIENT_ID}",
      clientSecret: "${OIDC_CLIENT_SECRET}",
      ...(typeof provider === "object" ? provider : {}),
    },
  };
}

/** @returns the variables that the configuration contains as `${NAME}`; undefined if the environment configures the gateway */
export function referencedVariables(source: ConfigurationSource): ReadonlySet<string> | undefined {
  if (source.kind === "environment") return undefined;
  return new Set(
    [...configurationText(source).matchAll(/(?<!\$)\$\{([A-Za-z_]\w*)(?::-|\})/g)].map(([, name = ""]) => name),
  );
}

/** @returns the configuration as YAML or JSON; "" if the environment configures the gateway */
export function configurationText(source: ConfigurationSource): string {
  if (source.kind === "environment") return "";
  return source.kind === "inline" ? JSON.stringify(withReferences(source.config)) : readTextOrEmpty(source.path);
}

/** The gateway reports a file that it cannot read. */
function readTextOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** @returns those of `settings` that the configuration accepts from the environment */
export function acceptedSettings(
  settings: ApplicationSettings,
  references: ReadonlySet<string> | undefined,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).filter(([name]) => references === undefined || references.has(name)),
  ) as Record<string, string>;
}

/**
 * @returns one sentence if the embedded provider was asked for and the configuration does not use it
 */
export function embeddedProviderFault(references: ReadonlySet<string> | undefined, file: string): string | undefined {
  if (references === undefined) return undefined;
  const missing = ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"].filter((name) => !references.has(name));
  if (missing.length === 0) return undefined;
  return `The option provider of @cloakroom/vite has no effect: ${file} does not contain ${missing.map((name) => `\${${name}}`).join(", ")}. Write issuer: \${OIDC_ISSUER}, clientId: \${OIDC_CLIENT_ID} and clientSecret: \${OIDC_CLIENT_SECRET} below provider, or remove the option.`;
}
