// Repeats a call once after a step-up login. The draft is what makes it safe: only this tab and only this login get it
// back, so neither a crafted link nor a reload sends the call.
import { useDraft } from "@cloakroom/react";

export const repeatDraft = "repeat the call";

export function useRepeatAfterLogin(send: () => void): void {
  useDraft((draft) => {
    if (draft === repeatDraft) send();
  });
}
