// The session as a ticket.
import type { Session, User } from "../server/user.ts";
import { Name } from "./name.tsx";
import { ticketNumber } from "./ticket-number.ts";
import { Ticket } from "./ticket.tsx";
import { clockText } from "./times.ts";

export function SessionTicket({ user, session }: { readonly user: User; readonly session: Session }) {
  const times = [
    { label: "Since", atMs: session.createdAtMs },
    { label: "Until", atMs: session.expiresAtMs },
  ];
  return (
    <Ticket
      number={ticketNumber(session.handle)}
      holder={<Name>{user.displayName}</Name>}
      lines={times.flatMap(({ label, atMs }) => (atMs === null ? [] : [{ label, value: clockText(atMs) }]))}
    />
  );
}
