// Where npm puts the tools of this repository.
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");

export function bin(tool: string): string {
  return join(ROOT, "node_modules", ".bin", process.platform === "win32" ? `${tool}.cmd` : tool);
}
