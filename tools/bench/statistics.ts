// Medians, spreads, and ratios within a round.

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/**
 * Distribution-free 95 % confidence interval of the median, from order statistics (normal approximation of the sign test).
 * With fewer than six values their whole range, which covers less.
 */
export function medianInterval(values: readonly number[]): [low: number, high: number] {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  const rank = Math.max(0, Math.floor((count - 1.96 * Math.sqrt(count)) / 2));
  return [sorted[rank] ?? Number.NaN, sorted[count - 1 - rank] ?? Number.NaN];
}

export function spread(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)}`;
}

/** Divides each round by the baseline's same round, so that a drift of the machine's speed cancels out. */
export function ratios<T>(rows: readonly T[], floor: readonly T[], value: (row: T) => number): number[] {
  return rows.map((row, round) => {
    const below = floor[round];
    return below === undefined ? Number.NaN : value(row) / value(below);
  });
}
