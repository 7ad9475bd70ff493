// Loaders, actions and revalidation for react-router, called as the router calls them.
import type { EndReason, Outcome } from "@cloakroom/client";
import { isRouteErrorResponse, type ActionFunctionArgs, type DataRouter, type LoaderFunctionArgs } from "react-router";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  keepWhenEnded,
  requireSession,
  revalidateOnSessionChange,
  sessionAction,
  sessionErrorOf,
  sessionMiddleware,
} from "../src/router.ts";
import { alice, anonymous, createGateway, type Gateway, loggedIn, problem } from "./support.ts";

const origin = "http://app.test";

beforeEach(() => {
  const items = new Map<string, string>();
  vi.stubGlobal("window", { location: { href: `${origin}/start#top` } });
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => items.set(name, value),
    removeItem: (name: string) => items.delete(name),
  });
});
afterEach(() => void vi.unstubAllGlobals());

function argsFor(path: string, init?: RequestInit): LoaderFunctionArgs & ActionFunctionArgs {
  return { request: new Request(`${origin}${path}`, init), params: {} } as LoaderFunctionArgs & ActionFunctionArgs;
}

/** What the loader throws, as `redirect <URL>` or as the error of an ErrorBoundary. */
async function thrownBy(loaded: Promise<unknown>): Promise<unknown> {
  const thrown: unknown = await loaded.then(
    () => expect.fail("The loader has returned"),
    (error: unknown) => error,
  );
  if (thrown instanceof Response) {
    expect(thrown.headers.get("X-Remix-Reload-Document")).toBe("true");
    return `redirect ${thrown.headers.get("Location")}`;
  }
  // As the router does with `data()`.
  const { data, init } = thrown as { data: unknown; init: ResponseInit };
  const error = { status: init.status, statusText: "", internal: false, data };
  expect(isRouteErrorResponse(error)).toBe(true);
  return { status: init.status, ...sessionErrorOf(error) };
}

const login = (path: string) => `/bff/login?${new URLSearchParams({ returnTo: path })}`;

it("requireSession returns user and session", async () => {
  const { client } = createGateway(loggedIn());
  const loaded = await requireSession(client)(argsFor("/orders"));
  expect(loaded).toMatchObject({ user: alice, session: { handle: "handle-1" } });
  client.close();
});

it("requireSession returns what load returns for the user and the request, with and without a required level", async () => {
  const { client } = createGateway(loggedIn());
  const loaders = [
    requireSession(client, { load: ({ user, request }) => `${user.sub} ${new URL(request.url).pathname}` }),
    // Compiled: `load` has the types of its parameters beside a level, too.
    requireSession(client, {
      acrValues: "1",
      load: ({ user, request }) => `${user.sub} ${new URL(request.url).pathname}`,
    }),
  ];
  for (const loader of loaders) expect(await loader(argsFor("/orders"))).toBe("alice /orders");
  client.close();
});

it("requireSession redirects a navigation without a session to the login, which returns to the requested page", async () => {
  const { client } = createGateway(anonymous);
  const loader = requireSession(client);
  const expected = `redirect ${origin}${login("/orders?page=2")}`;
  expect(await thrownBy(loader(argsFor("/orders?page=2")))).toBe(expected);
  // The user has come back by the back button and follows the link again.
  expect(await thrownBy(loader(argsFor("/orders?page=2")))).toBe(expected);
});

it("requireSession redirects the document's own page once per tab, then shows an error with the login's URL", async () => {
  const { client } = createGateway(anonymous);
  const loader = requireSession(client);
  expect(await thrownBy(loader(argsFor("/start")))).toBe(`redirect ${origin}${login("/start")}`);
  expect(await thrownBy(loader(argsFor("/start")))).toEqual({
    status: 401,
    code: "login_required",
    endReason: null,
    loginUrl: `${origin}${login("/start")}`,
  });
});

it.each(["/start", "/orders"])("requireSession starts no login for %s after the session has ended", async (path) => {
  const gateway = createGateway(loggedIn());
  const loader = requireSession(gateway.client);
  await loader(argsFor("/start"));
  gateway.user = anonymous;
  await gateway.client.check();
  expect(await thrownBy(loader(argsFor(path)))).toMatchObject({
    status: 401,
    code: "login_required",
    endReason: "session_missing",
  });
});

it("requireSession waits while a logout is in progress, and rejects when its navigation is aborted", async () => {
  const gateway = createGateway(loggedIn());
  await gateway.client.ensureLoaded();
  gateway.respond = () => Response.json({ location: "/bff/logout/provider" });
  await gateway.client.logout();
  expect(gateway.client.getState()).toMatchObject({ status: "anonymous", logout: { kind: "pending" } });
  const abort = new AbortController();
  let hasSettled = false;
  const loaded = requireSession(gateway.client)(argsFor("/orders", { signal: abort.signal })).finally(
    () => (hasSettled = true),
  );
  const rejected = expect(loaded).rejects.toThrow("left");
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(hasSettled).toBe(false);
  abort.abort(new Error("left"));
  await rejected;
  expect(gateway.navigations).toEqual([expect.stringContaining("/bff/logout/provider")]);
});

it("requireSession throws 503 while the session cannot be checked, and starts no login", async () => {
  const { client, navigations } = createGateway(null);
  expect(await thrownBy(requireSession(client)(argsFor("/orders")))).toEqual({
    status: 503,
    code: "session_unavailable",
  });
  expect(navigations).toEqual([]);
  client.close();
});

it("requireSession redirects a navigation to the stronger login", async () => {
  const { client } = createGateway(loggedIn());
  const loader = requireSession(client, { acrValues: ["2", "3"], maxAge: 900 });
  const [, url = ""] = String(await thrownBy(loader(argsFor("/orders")))).split(" ");
  expect(Object.fromEntries(new URL(url).searchParams)).toEqual({
    returnTo: "/orders",
    acr_values: "2 3",
    max_age: "900",
  });
  client.close();
});

it("requireSession shows an error with the stronger login's URL where the login has not reached the level", async () => {
  const { client } = createGateway(loggedIn());
  expect(await thrownBy(requireSession(client, { acrValues: "2" })(argsFor("/start")))).toMatchObject({
    status: 401,
    code: "step_up_required",
    loginUrl: expect.stringContaining("acr_values=2"),
  });
  client.close();
});

it("requireSession keeps a page whose login has grown too old since it was opened", async () => {
  const gateway = createGateway(loggedIn({ authTime: new Date().toISOString() }));
  const loader = requireSession(gateway.client, { maxAge: 900 });
  await loader(argsFor("/start"));
  gateway.user = loggedIn({ authTime: "2020-01-01T00:00:00.000Z" });
  await gateway.client.check();
  expect(await loader(argsFor("/start"))).toMatchObject({ user: { sub: "alice" } });
  gateway.client.close();
});

it("sessionMiddleware loads the session before the route's loaders", async () => {
  const { client } = createGateway(loggedIn());
  const status = await sessionMiddleware(client)({}, () => Promise.resolve(client.getState().status));
  expect(status).toBe("authenticated");
  client.close();
});

const otherErrors: readonly [what: string, error: unknown][] = [
  ["an Error", new Error("x")],
  ["a route error of the app", { status: 404, statusText: "", internal: false, data: "not found" }],
  ["a route error with another code", { status: 401, statusText: "", internal: false, data: { code: "toString" } }],
  ["a route error without data", { status: 401, statusText: "", internal: false, data: null }],
  ["undefined", undefined],
];

it.each(otherErrors)("sessionErrorOf returns null for %s", (_what, error) => {
  expect(sessionErrorOf(error)).toBeNull();
});

function fakeRouter({ errors = null as object | null, basename = "/", pathname = "/orders" } = {}) {
  const location = { pathname, search: "?page=2", hash: "#top", state: { from: "list" }, key: "k" };
  return {
    basename,
    state: { errors, location } as DataRouter["state"],
    revalidate: vi.fn(() => Promise.resolve()),
    navigate: vi.fn(() => Promise.resolve()),
  };
}

it.each([
  ["/", "/orders", "/orders"],
  ["/app", "/app/orders", "/orders"],
  ["/app/", "/app/orders", "/orders"],
  ["/app", "/app", "/"],
])("revalidateOnSessionChange opens a page with an error again below %s", async (basename, pathname, expected) => {
  const gateway = createGateway(anonymous);
  await gateway.client.ensureLoaded();
  const router = fakeRouter({ errors: { orders: {} }, basename, pathname });
  revalidateOnSessionChange(gateway.client, router);
  gateway.user = loggedIn();
  await gateway.client.check();
  expect(router.revalidate).not.toHaveBeenCalled();
  expect(router.navigate).toHaveBeenCalledExactlyOnceWith(
    { pathname: expected, search: "?page=2", hash: "#top" },
    { replace: true, preventScrollReset: true, state: { from: "list" } },
  );
  gateway.client.close();
});

/** Each step changes what the gateway responds and lets the client check. */
const changes: readonly [what: string, bodies: readonly unknown[], revalidations: number][] = [
  ["the first check", [loggedIn()], 0],
  ["a check that finds nothing new", [loggedIn(), loggedIn({ expiresAt: "2041-01-01T00:00:00.000Z" })], 0],
  ["an end of the session", [loggedIn(), anonymous], 1],
  ["a login in another tab", [anonymous, loggedIn()], 1],
  ["another session of the same user", [loggedIn(), loggedIn({ id: "handle-2" })], 1],
  ["a first check that succeeds after an outage", [null, loggedIn()], 1],
  ["an outage of a known session", [loggedIn(), null, loggedIn()], 0],
];

it.each(changes)("revalidateOnSessionChange runs the loaders again after %s", async (_what, bodies, expected) => {
  const gateway = createGateway();
  const router = fakeRouter();
  revalidateOnSessionChange(gateway.client, router);
  for (const body of bodies) {
    gateway.user = body;
    await gateway.client.check();
  }
  expect(router.revalidate).toHaveBeenCalledTimes(expected);
  expect(router.navigate).not.toHaveBeenCalled();
  gateway.client.close();
});

it("revalidateOnSessionChange does not run loaders while this tab logs out, or after it was stopped", async () => {
  const gateway = createGateway(loggedIn());
  await gateway.client.ensureLoaded();
  const router = fakeRouter();
  const stop = revalidateOnSessionChange(gateway.client, router);
  gateway.respond = () => Response.json({ location: "/bff/logout/provider" });
  await gateway.client.logout();
  stop();
  gateway.user = loggedIn({ id: "handle-2" });
  await gateway.client.check();
  expect(router.revalidate).not.toHaveBeenCalled();
  gateway.client.close();
});

it.each([
  ["keeps the data of a page whose session has ended", anonymous, "/start", false],
  ["loads a page that the user opens after the session has ended", anonymous, "/orders", true],
  ["loads the page of a session", loggedIn(), "/start", true],
])("keepWhenEnded %s", async (_what, body, path, expected) => {
  const gateway = createGateway(loggedIn());
  await gateway.client.ensureLoaded();
  gateway.user = body;
  await gateway.client.check();
  const urls = { currentUrl: new URL(`${origin}/start`), nextUrl: new URL(`${origin}${path}`) };
  const args = { ...urls, currentParams: {}, nextParams: {}, defaultShouldRevalidate: true };
  expect(keepWhenEnded(gateway.client)(args)).toBe(expected);
  gateway.client.close();
});

const post =
  (gateway: Gateway) =>
  async ({ request }: ActionFunctionArgs): Promise<Outcome<unknown>> => {
    const text = await request.text();
    return gateway.client.request(`${origin}/api/notes`, { method: "POST", body: text, retry: false });
  };

const submit = () => argsFor("/notes", { method: "POST", body: new URLSearchParams({ text: "typed" }) });

const endReason: EndReason = "session_expired";
const stepUpUrl = "/bff/login?acr_values=2&max_age=900";
const responses: readonly [what: string, response: () => Response, expected: object][] = [
  ["a success", () => Response.json({ id: 7 }), { kind: "ok", value: { id: 7 } }],
  [
    "an ended session",
    () => problem(401, endReason, { loginUrl: "/bff/login" }),
    { kind: "login_required", endReason },
  ],
  ["a step-up", () => problem(401, "step_up_required", { loginUrl: stepUpUrl }), { kind: "step_up_required" }],
  ["a replaced session", () => problem(409, "session_changed"), { kind: "session_changed" }],
  ["a conflict of the API", () => problem(409, "edit_conflict"), { kind: "problem" }],
  ["a 401 of the API", () => problem(401, "bad_signature"), { kind: "problem" }],
  ["a 403", () => problem(403, "forbidden"), { kind: "problem" }],
  ["a 503", () => problem(503, "provider_unavailable"), { kind: "problem" }],
];

it.each(responses)("sessionAction returns %s as action data", async (_what, respond, expected) => {
  const gateway = createGateway(loggedIn());
  await gateway.client.ensureLoaded();
  gateway.respond = respond;
  const result = await sessionAction(gateway.client, post(gateway))(submit());
  expect(result).toMatchObject(expected);
  expect(gateway.navigations).toEqual([]);
  gateway.client.close();
});

it.each([
  ["an ended session", () => problem(401, endReason, { loginUrl: "/bff/login" }), "/bff/login?"],
  ["a step-up", () => problem(401, "step_up_required", { loginUrl: stepUpUrl }), "acr_values=2"],
])("sessionAction with a draft starts the login that %s needs", async (_what, respond, url) => {
  const gateway = createGateway(loggedIn());
  await gateway.client.ensureLoaded();
  gateway.respond = respond;
  const drafts: unknown[] = [];
  const draft = (form: FormData) => {
    drafts.push(form.get("text"));
    return form.get("text");
  };
  await sessionAction(gateway.client, post(gateway), { draft })(submit());
  expect(drafts).toEqual(["typed"]);
  expect(gateway.navigations).toEqual([expect.stringContaining(url)]);
  gateway.client.close();
});
