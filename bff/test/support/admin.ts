// The administrator's command line, as a process of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const ADMIN = join(import.meta.dirname, "../../src/cli/sessions.ts");

export async function runAdmin(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [ADMIN, ...args], { env: { PATH: process.env["PATH"] ?? "", ...env } });
  let [out, err] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (out += text.toString()));
  child.stderr.on("data", (text: Buffer) => (err += text.toString()));
  const [code] = (await once(child, "close")) as [number];
  return { code, out, err };
}
