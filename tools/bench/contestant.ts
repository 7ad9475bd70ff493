// What every contestant tells about itself, and one that cannot be had.

export type BenchEnvironment = {
  folder: string;
  issuer: string;
  client: { clientId: string; clientSecret: string };
  redis: { url: string; port: number; pid: number };
  /** Base URL of the API. */
  upstream: string;
  /** The API with bodies of any size and event streams. */
  bodiesUpstream: string;
  upstreamName: string;
  ports: ReadonlyMap<string, number>;
  stop: () => Promise<void>;
};

export type Running = {
  origin: string;
  /** Root of its process tree. */
  pid: number;
  stop: () => Promise<void>;
};

export type Contestant = {
  /** For --only. */
  id: string;
  name: string;
  /** One line for the conditions: what it is and what of it was configured. */
  about: string;
  /** Where its login begins and where the provider sends the browser back; absent: it knows no sessions. */
  login?: { path: string; callbackPath: string };
  /** What the app's requests carry beside the cookie. */
  headers?: Record<string, string>;
  /** Event streams that it can hold at all; absent: as many as anybody. */
  maxStreams?: number;
  /** @throws Missing where this machine cannot run it */
  start: (environment: BenchEnvironment, port: number) => Promise<Running>;
};

/** Named in the table with its reason, and not left out. */
export class Missing extends Error {}
