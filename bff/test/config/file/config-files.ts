// Writes configuration files for tests.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, loadGatewayConfig } from "../../../src/config/config.ts";
import type { GatewayConfig } from "../../../src/config/config.ts";

export const KEY = Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64url");
export const OTHER_KEY = Buffer.from("fedcba9876543210FEDCBA9876543210").toString("base64url");
export const SECRET = "s3cret-of-the-client";

export const folder = mkdtempSync(join(tmpdir(), "cloakroom-config-"));

/** Six lines: one application with all required settings. */
export const MINIMAL = `origin: https://shop.example
provider:
  issuer: https://id.example
  clientId: shop
  clientSecret: ${SECRET}
secretKeys: ${KEY}
`;

/** An invalid file, and the sentence that reports its fault. */
export type Row = readonly [what: string, text: string, fault: RegExp];

let count = 0;

export function fileWith(text: string | Buffer, name = `cloakroom-${(count += 1)}.yaml`): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

export function load(text: string | Buffer, env: Record<string, string> = {}): GatewayConfig {
  return loadGatewayConfig(env, fileWith(text));
}

/** @returns the faults, without the name of the file: `12: session.idleSeconds must be …` */
export function faultsOf(text: string | Buffer, env: Record<string, string> = {}): string[] {
  const file = fileWith(text);
  try {
    loadGatewayConfig(env, file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map((fault) => fault.replace(`${file}:`, "").replaceAll(file, "cloakroom.yaml"));
  }
  return [];
}
