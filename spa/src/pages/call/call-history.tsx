// The last calls since the page was opened, kept in memory only.
import type { Outcome } from "@cloakroom/client";
import { failureText } from "../../components/failure-text.ts";
import { formatTimeWithSeconds } from "../../components/format-time.ts";
import type { ApiResponse } from "../../server/api.ts";
import { sanitizeText } from "../../server/sanitize-text.ts";

export interface HistoryEntry {
  readonly key: string;
  readonly atMs: number;
  readonly path: string;
  readonly result: string;
  readonly durationMs: number;
}

export function createHistoryEntry(path: string, outcome: Outcome<ApiResponse>, startedAtMs: number): HistoryEntry {
  const atMs = Date.now();
  return { key: crypto.randomUUID(), atMs, path, result: resultText(outcome), durationMs: atMs - startedAtMs };
}

function resultText(outcome: Outcome<ApiResponse>): string {
  if (outcome.kind === "ok") return String(outcome.value.status);
  if (outcome.kind === "cancelled") return "cancelled";
  if (outcome.kind !== "problem") return failureText(outcome).title;
  const { status, code } = outcome.problem;
  return code === null ? String(status) : `${status} ${sanitizeText(code)}`;
}

export function CallHistory({ entries }: { readonly entries: readonly HistoryEntry[] }) {
  if (entries.length === 0) return null;
  return (
    <section aria-labelledby="history-heading">
      <h2 id="history-heading">Last calls</h2>
      <ol className="history">
        {entries.map(({ key, atMs, path, result, durationMs }) => (
          <li key={key}>
            <code className="breakable">{path}</code>
            <strong>{result}</strong>
            <span className="quiet tabular">{durationMs} ms</span>
            <time className="quiet tabular" dateTime={new Date(atMs).toISOString()}>
              {formatTimeWithSeconds(atMs)}
            </time>
          </li>
        ))}
      </ol>
    </section>
  );
}
