// What a person has typed on a page, so that a login in between does not lose it. Memory only.

export interface TypedText {
  readonly pathname: string;
  readonly fields: Readonly<Record<string, string>>;
}

const listeners = new Set<() => void>();
let typed: TypedText | null = null;

export function keepTyped(next: TypedText | null): void {
  typed = next;
  for (const listener of listeners) listener();
}

export function typedAt(pathname: string): Readonly<Record<string, string>> | undefined {
  return typed?.pathname === pathname ? typed.fields : undefined;
}

export function subscribeTyped(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
