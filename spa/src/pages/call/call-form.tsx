// Form of the API call: resource and message.
import type { FormEvent } from "react";
import { parseResourceName, resources } from "./resources.ts";
import type { CallDraft } from "./use-call-draft.ts";

/** Fits into a return path unless most characters need percent-encoding; see maxReturnPathLength. */
const maxMessageLength = 200;

interface CallFormProps {
  readonly draft: CallDraft;
  readonly isPending: boolean;
  readonly onSend: () => void;
}

export function CallForm({ draft, isPending, onSend }: CallFormProps) {
  function send(event: FormEvent): void {
    event.preventDefault();
    if (!isPending) onSend();
  }
  return (
    <form className="call-form" onSubmit={send}>
      <label className="field">
        <span>Resource</span>
        <select value={draft.resource} onChange={(event) => draft.setResource(parseResourceName(event.target.value))}>
          {Object.entries(resources).map(([name, { label }]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label className="field field-wide">
        <span>Message</span>
        <input
          type="text"
          name="message"
          autoComplete="off"
          maxLength={maxMessageLength}
          value={draft.message}
          onChange={(event) => draft.setMessage(event.target.value)}
        />
      </label>
      <button type="submit" className="button button-main" aria-disabled={isPending}>
        Send
      </button>
    </form>
  );
}
