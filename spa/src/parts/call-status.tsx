// How a call stands, for those who listen. Always on the page: a live region that appears with its text stays silent.
import type { CallState } from "../session/use-server-call.ts";
import { failureText } from "./failure-text.ts";

export function CallStatus({ state }: { readonly state: CallState<{ readonly status: number }> }) {
  return <output className="visually-hidden">{statusText(state)}</output>;
}

function statusText(state: CallState<{ readonly status: number }>): string {
  switch (state.kind) {
    case "idle":
    case "waiting":
      return "";
    case "cancelled":
      return "Cancelled.";
    case "answered":
      return `Answered with ${state.value.status}.`;
    case "failed":
      return `${failureText(state.failure).title}. ${failureText(state.failure).meaning}`;
  }
}
