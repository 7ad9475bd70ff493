// A set of listeners.

export interface Listeners<Arguments extends unknown[]> {
  /** @returns removes it */
  readonly add: (listener: (...values: Arguments) => void) => () => void;
  readonly emit: (...values: Arguments) => void;
}

export function createListeners<Arguments extends unknown[]>(): Listeners<Arguments> {
  const listeners = new Set<(...values: Arguments) => void>();
  return {
    add: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    emit: (...values) => {
      for (const listener of listeners) listener(...values);
    },
  };
}
