// Interface of a contestant, and the error of one that cannot run on this machine.

export type BenchEnvironment = {
  folder: string;
  issuer: string;
  client: { clientId: string; clientSecret: string };
  redis: { url: string; port: number; pid: number };
  /** Base URL of the API with small responses. */
  upstream: string;
  /** Base URL of the API with large bodies and event streams. */
  bodiesUpstream: string;
  upstreamName: string;
  ports: ReadonlyMap<string, number>;
  stop: () => Promise<void>;
};

export type Running = {
  origin: string;
  /** Root of the process tree. */
  pid: number;
  /** Roots of further process trees that serve the same requests. */
  otherPids?: readonly number[];
  stop: () => Promise<void>;
};

export type Contestant = {
  /** Value for --only. */
  id: string;
  name: string;
  /** One line for the report: product and configuration. */
  about: string;
  /** Login path and callback path. Absent: a proxy without sessions. */
  login?: { path: string; callbackPath: string };
  /** Request headers beside the cookie. */
  headers?: Record<string, string>;
  /** Request headers of a client without a session; the login is not used then. */
  credentials?: (environment: BenchEnvironment) => Promise<Record<string, string>>;
  /** Maximum number of event streams. Default: no limit. */
  maxStreams?: number;
  /** @throws Missing if it cannot run on this machine */
  start: (environment: BenchEnvironment, port: number) => Promise<Running>;
};

/** The contestant cannot run on this machine. The report states the reason. */
export class Missing extends Error {}
