// A client with a scripted gateway, for tests without a browser.
import { type Client, createClient, type PageWindow } from "@cloakroom/client";

export const alice = { sub: "alice", name: "Alice Example", roles: ["user"] };

export interface Gateway {
  /** Body of GET /bff/user; null responds with 503 store_unavailable. */
  user: unknown;
  /** Response to any other request. */
  respond: (request: Request) => Response;
  readonly requests: string[];
  readonly client: Client;
  /** URLs to which the client has navigated. */
  readonly navigations: string[];
}

export const anonymous = { user: null, session: null };

export function loggedIn(session: object = {}, user: object = alice): object {
  return { user, session: { id: "handle-1", acr: "1", ...session } };
}

export function problem(status: number, code: string, more: object = {}): Response {
  const headers = { "content-type": "application/problem+json" };
  return new Response(JSON.stringify({ title: code, status, code, ...more }), { status, headers });
}

export function createGateway(user: unknown = anonymous): Gateway {
  const requests: string[] = [];
  const navigations: string[] = [];
  const gateway: Pick<Gateway, "user" | "respond"> = { user, respond: () => problem(404, "not_found") };
  const client = createClient({
    fetch: async (input, init) => {
      const request = new Request(new URL(input instanceof Request ? input.url : input, "http://app.test"), init);
      const { pathname } = new URL(request.url);
      requests.push(`${request.method} ${pathname}`);
      if (pathname !== "/bff/user") return gateway.respond(request);
      return gateway.user === null ? problem(503, "store_unavailable") : Response.json(gateway.user);
    },
    window: pageWindow(navigations),
  });
  return Object.assign(gateway, { client, requests, navigations });
}

function pageWindow(navigations: string[]): PageWindow {
  const href = "http://app.test/orders?page=2";
  const navigate = (url: string | URL): void => void navigations.push(String(url));
  const { origin, pathname } = new URL(href);
  return {
    location: { href, origin, pathname, assign: navigate, replace: navigate, reload: () => navigate("reload") },
    history: { state: null, replaceState: () => undefined },
    document: { baseURI: href, visibilityState: "visible" },
    sessionStorage: { getItem: () => null, setItem: () => undefined, removeItem: () => undefined },
    navigator: {},
    EventSource: class {} as unknown as PageWindow["EventSource"],
    addEventListener: () => undefined,
  };
}
