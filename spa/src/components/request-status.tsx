// Announces the state of a request to screen readers. Always mounted: browsers do not announce a live region that is
// inserted together with its text.
import type { RequestState } from "../session/use-request.ts";
import { failureText } from "./failure-text.ts";

export function RequestStatus({ state }: { readonly state: RequestState<{ readonly status: number }> }) {
  return <output className="visually-hidden">{statusText(state)}</output>;
}

function statusText(state: RequestState<{ readonly status: number }>): string {
  switch (state.kind) {
    case "idle":
    case "pending":
      return "";
    case "cancelled":
      return "Cancelled.";
    case "succeeded":
      return `Response received with status ${state.value.status}.`;
    case "failed":
      return `${failureText(state.failure).title}. ${failureText(state.failure).meaning}`;
  }
}
