// Ties a child process to ours, so that it does not outlive us even if we are killed without a chance to clean up.
import { spawn } from "node:child_process";

/**
 * A shell that waits for its input to end, which the kernel does when we die, and then ends the child. It stands in a
 * process group of its own: a Ctrl-C in the terminal must not take it down before us. Windows has no such shell; there
 * a launcher that is killed hard leaves its children behind.
 * @returns unties: call it once the child has ended
 */
export function tether(pid: number): () => void {
  if (process.platform === "win32") return () => undefined;
  const watcher = spawn("/bin/sh", ["-c", 'read -r _ || kill "$0" 2>/dev/null', String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    env: {},
  });
  watcher.on("error", () => undefined);
  watcher.stdin.on("error", () => undefined);
  watcher.unref();
  return () => watcher.stdin.end("done\n");
}
