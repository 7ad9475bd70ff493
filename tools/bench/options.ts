// Options: npm run bench -- [--short] [--write] [--only=a,b] [--rounds=n] [--seconds=n] [--connections=1,32,256]
import { parseArgs } from "node:util";

export type Options = {
  isShort: boolean;
  /** Writes the tables into docs/development/performance.md. */
  isWriting: boolean;
  /** Ids of contestants; undefined: all. */
  only: readonly string[] | undefined;
  rounds: number;
  seconds: number;
  connections: readonly number[];
  /** Number of sessions used in turn, so that no contestant benefits from caching a single one. */
  sessions: number;
  idleStreams: number;
  loginSeconds: number;
};

const SHORT_CONTESTANTS = ["bare", "cloakroom-cache", "cloakroom", "tutorial"];

export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      short: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      only: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      connections: { type: "string" },
      streams: { type: "string" },
    },
  });
  const { short: isShort, write: isWriting } = values;
  const only = values.only?.split(",") ?? (isShort ? SHORT_CONTESTANTS : undefined);
  return {
    isShort,
    isWriting,
    only,
    rounds: bounded("--rounds", values.rounds ?? (isShort ? "3" : "5"), 50),
    seconds: bounded("--seconds", values.seconds ?? (isShort ? "2" : "3"), 10),
    connections: (values.connections ?? (isShort ? "32" : "1,32,256"))
      .split(",")
      .map((each) => bounded("--connections", each, 1_000)),
    sessions: 16,
    idleStreams: bounded("--streams", values.streams ?? (isShort ? "1000" : "10000"), 10_000),
    loginSeconds: isShort ? 2 : 4,
  };
}

/** Upper limits of the options. */
function bounded(name: string, value: string, max: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > max)
    throw new Error(`${name} must be a whole number from 1 to ${max}`);
  return number;
}
