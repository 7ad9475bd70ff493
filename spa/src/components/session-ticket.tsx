// The session as a ticket.
import type { Session } from "@cloakroom/client";
import { fnv1a } from "../fnv1a.ts";
import type { User } from "../session/user.ts";
import { formatTime } from "./format-time.ts";
import { IsolatedText } from "./isolated-text.tsx";
import { Ticket } from "./ticket.tsx";

export function SessionTicket({ user, session }: { readonly user: User; readonly session: Session }) {
  const times = [
    { label: "Since", atMs: session.createdAtMs },
    { label: "Until", atMs: session.expiresAtMs },
  ];
  return (
    <Ticket
      number={ticketNumber(session.handle)}
      holder={<IsolatedText>{user.displayName}</IsolatedText>}
      lines={times.flatMap(({ label, atMs }) => (atMs === null ? [] : [{ label, value: formatTime(atMs) }]))}
    />
  );
}

/** Three digits derived from the public handle. Display only: different sessions may have the same number. */
function ticketNumber(handle: string): string {
  return String(100 + (fnv1a(handle) % 900));
}
