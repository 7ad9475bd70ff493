// Logs out in every browser at once, after the user has confirmed it.
import { useRef } from "react";
import { FailurePanel } from "../../parts/failure-panel.tsx";
import { endAllOwnSessions } from "../../server/sessions.ts";
import { useLogout } from "../../session/use-logout.ts";

export function EndEverywhere({ count }: { readonly count: number }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const { state, logout, dismiss } = useLogout(endAllOwnSessions);
  const isLeaving = state.kind === "waiting";
  function open(): void {
    dialog.current?.showModal();
    // The harmless choice, not the first one.
    cancel.current?.focus();
  }
  return (
    <div className="actions">
      {/* A modal dialog keeps the focus inside and gives it back to this button when it closes. */}
      <button type="button" className="button button-grave" onClick={open}>
        Log out everywhere
      </button>
      <dialog ref={dialog} className="dialog" aria-labelledby="everywhere-heading" onClose={dismiss}>
        <h2 id="everywhere-heading">Log out everywhere?</h2>
        <p>
          {count === 1
            ? "This ends your session in this browser, the only one in which you are logged in."
            : `This ends your sessions in all ${count} browsers, this one included. Unsaved work there may be lost.`}
        </p>
        {state.kind === "failed" && (
          <div role="alert">
            <p>You may still be logged in, here and elsewhere.</p>
            <FailurePanel failure={state.failure} />
          </div>
        )}
        <div className="actions">
          <button
            type="button"
            className="button button-grave"
            aria-disabled={isLeaving}
            onClick={() => {
              if (!isLeaving) void logout();
            }}
          >
            {isLeaving ? "Logging out…" : "Log out everywhere"}
          </button>
          <button type="button" ref={cancel} className="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      </dialog>
    </div>
  );
}
