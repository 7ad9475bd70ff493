// comment-page.tsx
import { RequireSession, useDraft, useRequest, useSession, useSessionClient } from "@cloakroom/react";
import { useState } from "react";

export function CommentPage() {
  return (
    <RequireSession keepWhenEnded fallback={<p>Loading…</p>}>
      <Comment />
    </RequireSession>
  );
}

function Comment() {
  const client = useSessionClient();
  const { status } = useSession();
  const { state, run } = useRequest();
  const [text, setText] = useState("");
  // Once after a login that was started with a draft, and only for the same user.
  useDraft((draft) => {
    if (typeof draft === "string") setText(draft);
  });
  const send = () => run("/api/comments", { method: "POST", body: JSON.stringify({ text }) });
  const failure = state.kind === "failed" ? state.failure : null;
  const needsStepUp = failure?.kind === "problem" && client.stepUpUrl(failure.problem) !== null;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea aria-label="Comment" value={text} onChange={(event) => setText(event.target.value)} />
      {status === "authenticated" ? (
        <button type="submit">Send</button>
      ) : (
        <button type="button" onClick={() => client.login({ draft: text })}>
          Log in again
        </button>
      )}
      {needsStepUp && (
        <button type="button" onClick={() => client.stepUp(failure.problem, { draft: text })}>
          Confirm that it is you
        </button>
      )}
      {state.kind === "pending" && state.retry !== null && <p>The service is busy. The request is repeated.</p>}
    </form>
  );
}
