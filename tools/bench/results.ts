// The results of one run of the benchmark.
import type { LoginRow } from "./measure-logins.ts";
import type { BodiesRow, StreamsRow } from "./memory.ts";
import type { OverloadRow } from "./overload.ts";
import type { Measured } from "./rounds.ts";
import type { Scaling } from "./scaling.ts";

export type Results = {
  load: string;
  upstream: string;
  /** The first one is the baseline of the ratios. */
  measured: readonly Measured[];
  missing: { name: string; reason: string }[];
  logins?: Map<string, LoginRow | undefined>;
  streams?: Map<string, StreamsRow>;
  bodies?: Map<string, BodiesRow>;
  overload?: readonly OverloadRow[];
  scaling?: Scaling | undefined;
};
