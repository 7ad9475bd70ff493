// A call that is to be made once more after a login in between. The return path carries a number and this tab's storage
// the same one: a link of somebody else's cannot make the page send anything, and a reload does not send it again.

const storageKey = "repeat-after-login";
export const repeatField = "repeat";

export const newRepeatNumber = (): string => crypto.randomUUID();

export function planRepeat(number: string): void {
  try {
    sessionStorage.setItem(storageKey, number);
  } catch {
    // Storage may be forbidden: then the person presses the button once more.
  }
}

/** @returns whether this tab planned it; true at most once */
export function takeRepeat(number: string): boolean {
  try {
    const isPlanned = sessionStorage.getItem(storageKey) === number;
    if (isPlanned) sessionStorage.removeItem(storageKey);
    return isPlanned;
  } catch {
    return false;
  }
}
