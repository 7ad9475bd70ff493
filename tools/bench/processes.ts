// CPU time and memory of a process tree, read from /proc (Linux only).
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** @returns the processes that serve the requests of a contestant */
export function pidsOf({ pid, otherPids = [] }: { pid: number; otherPids?: readonly number[] }): number[] {
  return [pid, ...otherPids].flatMap(processTree);
}

/** @returns `pid` and its descendants */
export function processTree(pid: number): number[] {
  return [pid, ...children(pid).flatMap(processTree)];
}

function children(pid: number): number[] {
  return tasks(pid).flatMap((task) =>
    readText(`/proc/${pid}/task/${task}/children`)
      .split(" ")
      .filter((child) => child !== "")
      .map(Number),
  );
}

/** @returns the CPU time of all running threads since their start */
export function cpuMicroseconds(pids: readonly number[]): number {
  const nanoseconds = pids.flatMap((pid) =>
    tasks(pid).map((task) => Number(readText(`/proc/${pid}/task/${task}/schedstat`).split(" ")[0] ?? 0)),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1000;
}

/** @returns the proportional set size in bytes: memory shared by forked workers counts once */
export function residentBytes(pids: readonly number[]): number {
  let ownBytes = 0;
  let fileBytes = 0;
  for (const pid of pids) {
    const rollup = readText(`/proc/${pid}/smaps_rollup`);
    const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0) * 1024;
    ownBytes += of("Pss_Anon") + of("Pss_Shmem");
    fileBytes = Math.max(fileBytes, of("Rss") - of("Anonymous") - of("Pss_Shmem"));
  }
  return ownBytes + fileBytes;
}

/** @returns a function that returns the sum of each process's peak growth in bytes since this call */
export function watchGrowth(pids: readonly number[]): () => number {
  const before = pids.map((pid) => {
    // Resets the peak that the kernel records (VmHWM), so that no sampling is needed.
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    return statusBytes(pid, "VmRSS");
  });
  return () => pids.reduce((sum, pid, index) => sum + Math.max(0, statusBytes(pid, "VmHWM") - (before[index] ?? 0)), 0);
}

function statusBytes(pid: number, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readText(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** @returns the limit of open files and sockets per process */
export function openFilesLimit(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readText("/proc/self/limits"))?.[1] ?? 1024);
}

function tasks(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** @returns the content, or "" when the thread has ended */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
