// Ends all sessions of the user, after a confirmation.
import { useRef } from "react";
import { FailurePanel } from "../../components/failure-panel.tsx";
import { logOut } from "../../session/log-out.ts";
import { client, useSession } from "../../session/session.ts";

export function LogOutEverywhere({ sessionCount }: { readonly sessionCount: number }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const { logoutState } = useSession();
  const logout = logoutState.kind !== "idle" && logoutState.everywhere ? logoutState : null;
  const isPending = logout?.kind === "pending";
  function open(): void {
    dialog.current?.showModal();
    // The dialog would focus its first button, which ends the sessions.
    cancel.current?.focus();
  }
  function dismiss(): void {
    if (logout?.kind === "failed") client.dismissLogoutFailure();
  }
  return (
    <div className="actions">
      {/* showModal() traps the focus and returns it to this button when the dialog closes. */}
      <button type="button" className="button button-grave" onClick={open}>
        Log out everywhere
      </button>
      <dialog ref={dialog} className="dialog" aria-labelledby="everywhere-heading" onClose={dismiss}>
        <h2 id="everywhere-heading">Log out everywhere?</h2>
        <p>
          {sessionCount === 1
            ? "This ends your session in this browser, the only one in which you are logged in."
            : `This ends your sessions in all ${sessionCount} browsers, this one included. Unsaved work there may be lost.`}
        </p>
        {logout?.kind === "failed" && (
          <div role="alert">
            <p>You may still be logged in, here and elsewhere.</p>
            <FailurePanel failure={logout.failure} />
          </div>
        )}
        <div className="actions">
          <button
            type="button"
            className="button button-grave"
            aria-disabled={isPending}
            onClick={() => {
              if (!isPending) void logOut({ everywhere: true });
            }}
          >
            {isPending ? "Logging out…" : "Log out everywhere"}
          </button>
          <button type="button" ref={cancel} className="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      </dialog>
    </div>
  );
}
