// Ends a child process when this process ends, even by SIGKILL (like PR_SET_PDEATHSIG).
import { spawn } from "node:child_process";

/**
 * Starts a shell that reads from a pipe and kills the child at end of file, when the kernel closes the pipe of the dead
 * parent. The shell has its own process group, so that Ctrl-C does not end it first. Does nothing on Windows, where a
 * killed parent leaves its children behind.
 * @returns stops the shell; call it once the child has ended, since its pid may be reused
 */
export function killWithParent(pid: number): () => void {
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
