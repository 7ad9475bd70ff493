// The session as a ticket.
import type { Session, User } from "../server/user.ts";
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

/** A three-digit FNV-1a hash of the public handle. Display only: different sessions may have the same number. */
function ticketNumber(handle: string): string {
  let hash = 0x81_1c_9d_c5;
  for (const character of handle) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01_00_01_93) >>> 0;
  return String(100 + (hash % 900));
}
