// Paths of the repository root and of the executables that npm installs.
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");

export function bin(tool: string): string {
  return join(ROOT, "node_modules", ".bin", process.platform === "win32" ? `${tool}.cmd` : tool);
}
