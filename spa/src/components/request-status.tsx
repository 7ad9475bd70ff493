// Announces the state of a request to screen readers. Always mounted: browsers do not announce a live region that is
// inserted together with its text.
import type { RequestState } from "@cloakroom/react";
import { failureText } from "./failure-text.ts";
import { shownFailure } from "./shown-failure.ts";

export function RequestStatus({ state }: { readonly state: RequestState<{ readonly status: number }> }) {
  return <output className="visually-hidden">{statusText(state)}</output>;
}

function statusText(state: RequestState<{ readonly status: number }>): string {
  const shown = shownFailure(state);
  if (shown !== null) return `${failureText(shown.failure).title}. ${failureText(shown.failure).meaning}`;
  if (state.kind === "cancelled") return "Cancelled.";
  return state.kind === "succeeded" ? `Response received with status ${state.value.status}.` : "";
}
