// requests.ts
import type { Outcome } from "@cloakroom/client";
import { client } from "./session.ts";

// As fetch: resolves with every response, rejects without one.
export async function uploadPhoto(form: FormData): Promise<boolean> {
  const response = await client.fetch("/api/photos", { method: "POST", body: form });
  return response.ok;
}

interface Order {
  readonly id: string;
}

// Every outcome is a value, an aborted request included.
export function loadOrders(signal: AbortSignal): Promise<Outcome<Order[]>> {
  return client.request<Order[]>("/api/orders", {
    signal,
    timeoutMs: 10_000,
    onRetry: ({ atMs }) => (document.title = `Trying again at ${new Date(atMs).toLocaleTimeString()}`),
  });
}

export function messageOf(outcome: Outcome<unknown>): string {
  switch (outcome.kind) {
    case "ok":
      return "Done.";
    case "cancelled":
      return "Cancelled.";
    case "offline":
      return "There is no connection.";
    case "timeout":
      return `No response within ${outcome.timeoutMs} ms.`;
    case "unreadable":
      return "The response could not be read.";
    case "problem":
      return outcome.problem.detail ?? outcome.problem.title ?? `Status ${outcome.problem.status}.`;
  }
}
