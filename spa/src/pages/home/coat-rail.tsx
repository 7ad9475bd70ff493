// Illustration of the start page: the tokens as coats behind the gateway's counter, the cookie as a ticket.
import { Ticket } from "../../components/ticket.tsx";

const coats = [
  { name: "access", x: 62 },
  { name: "refresh", x: 180 },
  { name: "ID", x: 298 },
];

export function CoatRail() {
  return (
    <div className="coat-rail" aria-hidden="true">
      <svg viewBox="0 0 360 186" focusable="false">
        <path className="rail-bar" d="M4 22h352" />
        {coats.map(({ name, x }) => (
          <g key={name} transform={`translate(${x} 22)`}>
            <path className="coat-hook" d="M0 34v-12c9-3 8-18 0-18-5 0-8 3-8 7" />
            <path
              className="coat-cloth"
              d="M0 32c-8 8-30 14-38 22-8 9-10 40-12 88h18l4-46 2 88h52l2-88 4 46h18c-2-48-4-79-12-88C30 46 8 40 0 32z"
            />
            <path className="coat-fold" d="M0 34v150M-10 42l10 22 10-22" />
            <rect className="coat-tag" x="-32" y="96" width="64" height="26" rx="3" />
            <text className="coat-name" x="0" y="114" textAnchor="middle">
              {name}
            </text>
          </g>
        ))}
      </svg>
      <div className="counter">the gateway’s counter</div>
      <Ticket
        number="427"
        holder="One coat, kept safe"
        lines={[
          { label: "Held by", value: "your browser" },
          { label: "Opens", value: "nothing else" },
        ]}
      />
    </div>
  );
}
