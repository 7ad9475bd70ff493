// What a user has entered, kept in the tab's sessionStorage during a login. The return path carries the same nonce:
// without it, a crafted link could make the page act on a draft (CSRF), and a reload would act on it again.
import { attempt } from "./attempt.ts";
import type { PageWindow } from "./page-window.ts";
import type { Clock } from "./session-store.ts";

/** Query parameter of the return path. */
export const resumeParam = "resume";
export const draftKey = "cloakroom-draft";
/** The gateway's limit for a login. */
const maxAgeMs = 15 * 60_000;

interface StoredDraft {
  readonly nonce: string;
  /** `sub` of the user who entered it; null if the page showed none. */
  readonly owner: string | null;
  readonly untilMs: number;
  readonly value: unknown;
}

export interface Drafts {
  /** @returns the nonce; null where storage is blocked or full */
  readonly save: (value: unknown, owner: string | null) => string | null;
  /** Reads the nonce of a finished login and removes it from the URL. */
  readonly readReturn: () => void;
  /** The draft, once. @param sub the user who is logged in; null if none is */
  readonly take: (sub: string | null) => unknown;
  readonly discard: () => void;
}

export function createDrafts(page: PageWindow | undefined, { nowMs }: Pick<Clock, "nowMs">): Drafts {
  let returned: string | null = null;

  function discard(): void {
    returned = null;
    attempt(() => page?.sessionStorage.removeItem(draftKey));
  }

  return {
    save: (value, owner) => {
      const nonce = crypto.randomUUID();
      const draft: StoredDraft = { nonce, owner, untilMs: nowMs() + maxAgeMs, value };
      return attempt(() => {
        page?.sessionStorage.setItem(draftKey, JSON.stringify(draft));
        return nonce;
      });
    },
    readReturn: () => {
      if (page === undefined) return;
      const url = new URL(page.location.href);
      const nonce = url.searchParams.get(resumeParam);
      if (nonce === null) return;
      returned = nonce;
      url.searchParams.delete(resumeParam);
      page.history.replaceState(page.history.state, "", url);
    },
    take: (sub) => {
      const draft = attempt(() => JSON.parse(page?.sessionStorage.getItem(draftKey) ?? "") as StoredDraft);
      if (draft === null || draft.nonce !== returned || draft.untilMs < nowMs()) return null;
      const isOwner = draft.owner === null || draft.owner === sub;
      // The owner may still log in.
      if (!isOwner && sub === null) return null;
      discard();
      return isOwner ? draft.value : null;
    },
    discard,
  };
}
