// The draft of a page's form, kept in memory so that a login does not lose it.

export interface FormDraft {
  readonly pathname: string;
  readonly fields: Readonly<Record<string, string>>;
}

const listeners = new Set<() => void>();
let draft: FormDraft | null = null;

/** Replaces the draft; null discards it. */
export function saveDraft(next: FormDraft | null): void {
  draft = next;
  for (const listener of listeners) listener();
}

export function draftFor(pathname: string): Readonly<Record<string, string>> | undefined {
  return draft?.pathname === pathname ? draft.fields : undefined;
}

export function subscribeDraft(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
