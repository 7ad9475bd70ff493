// A browser with tabs, without a real network or clock: BroadcastChannel, Web Locks, EventSource, storage, timers and
// a gateway that the test scripts.
import { vi } from "vitest";
import type { Client, ClientOptions } from "../../src/client.ts";
import { createClient } from "../../src/create-client.ts";
import type { PageWindow } from "../../src/page-window.ts";

export const ORIGIN = "https://app.example";

/** A request as the network sees it. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly mode: RequestMode;
  readonly redirect: RequestRedirect;
}

export type Handler = (sent: Sent, request: Request) => Response | Promise<Response>;

class FakeEventSource extends EventTarget {
  readyState = 1;
  readonly url: string;
  constructor(url: string) {
    super();
    this.url = url;
  }
  close(): void {
    this.readyState = 2;
  }
  emit(type: string, data: unknown = {}): void {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
  }
  reject(): void {
    this.readyState = 2;
    this.dispatchEvent(new Event("error"));
  }
}

class FakeChannel extends EventTarget {
  readonly #others: Set<FakeChannel>;
  constructor(others: Set<FakeChannel>) {
    super();
    this.#others = others.add(this);
  }
  postMessage(data: unknown): void {
    const receivers = [...this.#others].filter((channel) => channel !== this);
    queueMicrotask(() => {
      for (const channel of receivers) channel.dispatchEvent(new MessageEvent("message", { data }));
    });
  }
  close(): void {
    this.#others.delete(this);
  }
}

/** Only what the client uses: exclusive locks, granted in order, aborted while waiting. */
function createLocks() {
  const queues = new Map<string, (() => Promise<void>)[]>();
  function next(name: string): void {
    const run = queues.get(name)?.[0];
    if (run === undefined) return;
    void run().finally(() => {
      queues.get(name)?.shift();
      next(name);
    });
  }
  return {
    request: (name: string, { signal }: { signal: AbortSignal }, hold: () => Promise<void>) =>
      new Promise<void>((resolve, reject) => {
        const queue = queues.get(name) ?? [];
        queues.set(name, queue);
        const run = () => hold().then(resolve);
        const abort = (): void => {
          const at = queue.indexOf(run);
          if (at > 0) queue.splice(at, 1);
          reject(signal.reason as Error);
        };
        signal.addEventListener("abort", abort);
        if (queue.push(run) === 1) next(name);
      }),
    held: () => [...queues.values()].reduce((count, queue) => count + queue.length, 0),
  };
}

export interface TabOptions extends ClientOptions {
  readonly url?: string;
  readonly stored?: Map<string, string>;
  /** Replaces members of the window. */
  readonly change?: Partial<PageWindow>;
}

/** Time stands still except in `wait`; `afterEach(vi.useRealTimers)` ends that. */
export function createBrowser() {
  vi.useFakeTimers({ now: 0, toFake: ["setTimeout", "clearTimeout", "Date"] });
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  const channels = new Map<string, Set<FakeChannel>>();
  const locks = createLocks();
  const sent: Sent[] = [];
  const streams: FakeEventSource[] = [];
  let handle: Handler = () => json({ user: null, session: null });

  async function fakeFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    const entry: Sent = {
      method: request.method,
      url: request.url.replace(ORIGIN, ""),
      headers: Object.fromEntries(request.headers),
      body: await request.clone().text(),
      mode: request.mode,
      redirect: request.redirect,
    };
    sent.push(entry);
    request.signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason as Error));
      Promise.resolve(handle(entry, request)).then(resolve, reject);
    });
  }

  function openTab({ url = "/", stored = new Map<string, string>(), change, ...options }: TabOptions = {}) {
    const target = new EventTarget();
    const visited: string[] = [];
    let href = `${ORIGIN}${url}`;
    let reloads = 0;
    const window: PageWindow = {
      location: {
        get href() {
          return href;
        },
        get pathname() {
          return new URL(href).pathname;
        },
        origin: ORIGIN,
        assign: (to) => void visited.push(String(to)),
        replace: (to) => void visited.push(`replace ${to}`),
        reload: () => void (reloads += 1),
      },
      history: {
        state: { own: "state of the router" },
        replaceState: (state: { own?: string }, _unused, to) => {
          if (state.own === undefined) throw new Error("the state of the history entry is lost");
          href = new URL(String(to), href).href;
        },
      },
      document: {
        visibilityState: "visible",
        get baseURI() {
          return href;
        },
      },
      sessionStorage: {
        getItem: (key) => stored.get(key) ?? null,
        setItem: (key, value) => void stored.set(key, value),
        removeItem: (key) => void stored.delete(key),
      },
      navigator: { locks: locks as unknown as LockManager },
      BroadcastChannel: class extends FakeChannel {
        constructor(name: string) {
          const group = channels.get(name) ?? new Set();
          channels.set(name, group);
          super(group);
        }
      } as unknown as new (name: string) => BroadcastChannel,
      EventSource: class extends FakeEventSource {
        constructor(source: string) {
          super(source);
          streams.push(this);
        }
      } as unknown as new (url: string) => EventSource,
      addEventListener: target.addEventListener.bind(target),
      ...change,
    };
    const client: Client = createClient({ fetch: fakeFetch, window, ...options });
    return {
      client,
      stored,
      visited,
      dispatch: (type: string, members: object = {}) => target.dispatchEvent(Object.assign(new Event(type), members)),
      href: () => href.replace(ORIGIN, ""),
      /** Loads another page in this tab. The storage stays. */
      load: (to: string) => openTab({ ...options, url: to, stored, ...(change && { change }) }),
      reloads: () => reloads,
      state: client.getState,
    };
  }

  async function wait(ms: number): Promise<void> {
    await settled();
    await vi.advanceTimersByTimeAsync(ms);
    await settled();
  }

  return {
    openTab,
    sent,
    /** Requests that are no checks of the session. */
    calls: () => sent.filter(({ url }) => url !== "/bff/user"),
    checks: () => sent.filter(({ url }) => url === "/bff/user").length,
    handleWith: (next: Handler) => void (handle = next),
    openStreams: () => streams.filter(({ readyState }) => readyState === 1),
    channelCount: () => [...channels.values()].reduce((count, group) => count + group.size, 0),
    lockCount: locks.held,
    timerCount: () => vi.getTimerCount(),
    wait,
  };
}

export type Browser = ReturnType<typeof createBrowser>;
export type Tab = ReturnType<Browser["openTab"]>;

/** Lets everything complete that waits for no timer. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

export function json(body: unknown, init: ResponseInit = {}): Response {
  return Response.json(body, init);
}

export function problem(status: number, code: string, more: Record<string, unknown> = {}, headers = {}): Response {
  const type = { "content-type": "application/problem+json" };
  return new Response(JSON.stringify({ type: "about:blank", status, code, ...more }), {
    status,
    headers: { ...type, ...headers },
  });
}

/** A gateway with one session per browser, or none, as GET /bff/user and the named session see it. */
export function createGateway(browser: Browser, api: Handler = () => json({ ok: true })) {
  let session: { readonly sub: string; readonly id: string } | null = null;
  /** Requests that reached the API, with the user in whose name they did. */
  const effects: string[] = [];
  browser.handleWith((sent, request) => {
    if (sent.url === "/bff/user")
      return json(session === null ? { user: null, session: null } : { user: { sub: session.sub }, session });
    const named = sent.headers["x-session-handle"];
    if (session === null) return problem(401, "session_missing", { loginUrl: "/bff/login" });
    if (named !== undefined && named !== session.id) return problem(409, "session_changed");
    if (["POST /bff/logout", "DELETE /bff/sessions"].includes(`${sent.method} ${sent.url}`)) {
      session = null;
      return json({ location: "/bff/logout/provider" });
    }
    effects.push(`${session.sub}: ${sent.method} ${sent.url}`);
    return api(sent, request);
  });
  return {
    effects,
    logIn: (sub: string, id: string) => void (session = { sub, id }),
    logOut: () => void (session = null),
  };
}
