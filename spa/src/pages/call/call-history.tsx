// The last few calls of this visit. Memory only.
import { failureText } from "../../parts/failure-text.ts";
import { secondText } from "../../parts/times.ts";
import type { ApiAnswer } from "../../server/api.ts";
import type { Outcome } from "../../server/request.ts";

export interface HistoryEntry {
  readonly key: string;
  readonly atMs: number;
  readonly path: string;
  readonly result: string;
  readonly tookMs: number;
}

export function historyEntryOf(path: string, outcome: Outcome<ApiAnswer>, startedAtMs: number): HistoryEntry {
  const atMs = Date.now();
  return { key: crypto.randomUUID(), atMs, path, result: resultOf(outcome), tookMs: atMs - startedAtMs };
}

function resultOf(outcome: Outcome<ApiAnswer>): string {
  if (outcome.kind === "ok") return String(outcome.value.status);
  if (outcome.kind === "cancelled") return "cancelled";
  if (outcome.kind !== "problem") return failureText(outcome).title;
  const { status, code } = outcome.problem;
  return code === null ? String(status) : `${status} ${code}`;
}

export function CallHistory({ entries }: { readonly entries: readonly HistoryEntry[] }) {
  if (entries.length === 0) return null;
  return (
    <section aria-labelledby="history-heading">
      <h2 id="history-heading">Last calls</h2>
      <ol className="history">
        {entries.map(({ key, atMs, path, result, tookMs }) => (
          <li key={key}>
            <code className="breakable">{path}</code>
            <strong>{result}</strong>
            <span className="quiet tabular">{tookMs} ms</span>
            <time className="quiet tabular" dateTime={new Date(atMs).toISOString()}>
              {secondText(atMs)}
            </time>
          </li>
        ))}
      </ol>
    </section>
  );
}
