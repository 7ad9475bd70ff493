// The ticket that stands for the session on the pages: holder, times and number.
import type { ReactNode } from "react";

interface TicketProps {
  readonly number: string;
  readonly holder: ReactNode;
  readonly lines: readonly { readonly label: string; readonly value: ReactNode }[];
}

export function Ticket({ number, holder, lines }: TicketProps) {
  return (
    <div className="ticket">
      <div className="ticket-main">
        <p className="ticket-label">Cloakroom ticket</p>
        <p className="ticket-holder">{holder}</p>
        <dl className="ticket-lines">
          {lines.map(({ label, value }) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </div>
      <div className="ticket-stub">
        <p className="ticket-label">No.</p>
        <p className="ticket-number">{number}</p>
      </div>
    </div>
  );
}
