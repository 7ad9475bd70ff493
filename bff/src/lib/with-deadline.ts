// Limits how long a caller waits for a promise, which continues after that.

/** @returns the result, or `late` if there is none after `waitMs` */
export function withDeadline<T>(promise: Promise<T>, waitMs: number, late: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(late), waitMs);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}
