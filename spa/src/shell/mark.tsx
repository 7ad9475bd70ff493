// The logo: a ticket with a hanger and a perforation.

export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 24" aria-hidden="true" focusable="false">
      <path
        className="mark-paper"
        d="M3 1h26a2 2 0 0 1 2 2v5.5a3.5 3.5 0 0 0 0 7V21a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2v-5.5a3.5 3.5 0 0 0 0-7V3a2 2 0 0 1 2-2z"
      />
      <path className="mark-ink" d="M21 4v16" strokeDasharray="2 2.5" />
      <path className="mark-ink" d="M9 8c0-3 4-3 4 0 0 1.6-2 1.5-2 3.5l-6 4.5h12l-6-4.5" />
    </svg>
  );
}
