// The draft of a page's form, kept in memory so that a login does not lose it. It travels through the login in the
// return path, with a tag of its owner: another user who logs in there must not see it.
import { fnv1a } from "../fnv1a.ts";

export interface FormDraft {
  readonly pathname: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Query parameter with the tag of the user who typed the fields beside it. */
export const draftOwnerParam = "draftOf";

/**
 * A hash of the owner's `sub`, which keeps the `sub` itself out of the URL. 32 bits suffice: the tag prevents accidental
 * disclosure; a user who looks for the draft finds it in the URL anyway.
 */
export function draftOwnerTag(sub: string): string {
  return fnv1a(sub).toString(36);
}

/** @returns false for a URL without a draft, for example a link with prefilled fields */
export function hasDraftOfAnotherUser(search: string, sub: string): boolean {
  const owner = new URLSearchParams(search).get(draftOwnerParam);
  return owner !== null && owner !== draftOwnerTag(sub);
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
