// transfer.ts
import { client } from "./session.ts";

interface Transfer {
  readonly to: string;
  readonly amount: number;
}

export async function send(transfer: Transfer): Promise<void> {
  const outcome = await client.request("/api/transfers", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(transfer),
  });
  // The API demands a stronger login: the browser navigates to it and returns to this page.
  if (outcome.kind === "problem") client.stepUp(outcome.problem, { draft: transfer });
}

// When the page starts: the transfer that was interrupted by the login, once.
await client.ensureLoaded();
const draft = client.takeDraft();
if (isTransfer(draft)) await send(draft);

function isTransfer(value: unknown): value is Transfer {
  return typeof value === "object" && value !== null && "to" in value && "amount" in value;
}
