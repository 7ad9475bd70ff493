// What to ask the API for.
import type { FormEvent } from "react";
import { resourceNameOf, resources } from "./resources.ts";
import type { TypedCall } from "./use-typed-call.ts";

/** Its longest encoding still leaves room in most return paths. */
const longestMessage = 200;

interface CallFormProps {
  readonly typed: TypedCall;
  readonly isWaiting: boolean;
  readonly onSend: () => void;
}

export function CallForm({ typed, isWaiting, onSend }: CallFormProps) {
  function send(event: FormEvent): void {
    event.preventDefault();
    if (!isWaiting) onSend();
  }
  return (
    <form className="call-form" onSubmit={send}>
      <label className="field">
        <span>Resource</span>
        <select value={typed.resource} onChange={(event) => typed.setResource(resourceNameOf(event.target.value))}>
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
          maxLength={longestMessage}
          value={typed.message}
          onChange={(event) => typed.setMessage(event.target.value)}
        />
      </label>
      <button type="submit" className="button button-main" aria-disabled={isWaiting}>
        Send
      </button>
    </form>
  );
}
