// Logs out of this session, or of all sessions of the user. The session's `logoutState` shows progress and failure.
import { saveDraft } from "./form-draft.ts";
import { client } from "./session.ts";

export async function logOut({ everywhere }: { readonly everywhere: boolean }): Promise<void> {
  const failure = await client.logout({ everywhere });
  // The back-forward cache may restore the page as it is now.
  if (failure === null) saveDraft(null);
}
