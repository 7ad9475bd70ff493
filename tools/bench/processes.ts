// What a server costs: CPU time and memory of its whole process tree, from outside and alike for all. Linux only.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** Started by `pid`, and by those that it started. */
export function processTree(pid: number): number[] {
  return [pid, ...children(pid).flatMap(processTree)];
}

function children(pid: number): number[] {
  return tasks(pid).flatMap((task) =>
    text(`/proc/${pid}/task/${task}/children`)
      .split(" ")
      .filter((child) => child !== "")
      .map(Number),
  );
}

/** CPU time since they were started, to the nanosecond, of every thread that still lives: all of them keep theirs. */
export function cpuMicroseconds(pids: readonly number[]): number {
  const nanoseconds = pids.flatMap((pid) =>
    tasks(pid).map((task) => Number(text(`/proc/${pid}/task/${task}/schedstat`).split(" ")[0] ?? 0)),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1000;
}

/** Resident bytes. What several processes share counts once, so that forked workers are not counted double. */
export function residentBytes(pids: readonly number[]): number {
  let ownBytes = 0;
  let fileBytes = 0;
  for (const pid of pids) {
    const rollup = text(`/proc/${pid}/smaps_rollup`);
    const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0) * 1024;
    ownBytes += of("Pss_Anon") + of("Pss_Shmem");
    fileBytes = Math.max(fileBytes, of("Rss") - of("Anonymous") - of("Pss_Shmem"));
  }
  return ownBytes + fileBytes;
}

/** Until it is called: the highest that each of the processes got above what it had at the start, summed. */
export function watchGrowth(pids: readonly number[]): () => number {
  const before = pids.map((pid) => {
    // 5 resets the kernel's own peak: nothing is missed between two samples.
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    return statusBytes(pid, "VmRSS");
  });
  return () => pids.reduce((sum, pid, index) => sum + Math.max(0, statusBytes(pid, "VmHWM") - (before[index] ?? 0)), 0);
}

function statusBytes(pid: number, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** How many files and sockets one process may have open here. */
export function openFilesLimit(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(text("/proc/self/limits"))?.[1] ?? 1024);
}

function tasks(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Empty where a thread ended meanwhile. */
function text(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
