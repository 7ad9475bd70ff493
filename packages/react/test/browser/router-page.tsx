// A router in data mode with a basename and lazy routes, below /app.
import { createClient } from "@cloakroom/client";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter, Form, Link, Outlet, useActionData, useRouteError } from "react-router";
import { RouterProvider } from "react-router/dom";
import { RequireSession, SessionProvider, useSession } from "../../src/index.ts";
import {
  keepWhenEnded,
  requireSession,
  revalidateOnSessionChange,
  sessionAction,
  sessionErrorOf,
  sessionMiddleware,
  useLoginUrl,
} from "../../src/router.ts";

const client = createClient({ onUserChanged: () => undefined });

function Frame() {
  const { status } = useSession();
  return (
    <>
      <p>{`frame ${status}`}</p>
      <a href={useLoginUrl()}>Log in</a>
      <Link to="/orders?page=2#top">Orders</Link>
      <Outlet />
    </>
  );
}

function ErrorBoundary() {
  const error = sessionErrorOf(useRouteError());
  return <p>{error === null ? "app error" : `error ${error.code}`}</p>;
}

function Note() {
  const result = useActionData<{ kind: string }>();
  return (
    <RequireSession keepWhenEnded>
      <Form method="post">
        <input name="text" aria-label="Note" />
        <button type="submit">Save</button>
      </Form>
      <p>{`result ${result?.kind ?? "none"}`}</p>
    </RequireSession>
  );
}

export function renderRouter(container: HTMLElement): void {
  client.start();
  const router = createBrowserRouter(
    [
      {
        middleware: [sessionMiddleware(client)],
        loader: () => client.getState().status,
        Component: Frame,
        ErrorBoundary,
        HydrateFallback: () => <p>starting</p>,
        children: [
          { path: "/", Component: () => <p>home</p> },
          {
            path: "/orders",
            ErrorBoundary,
            loader: requireSession(client, { load: ({ session }) => session.handle }),
            lazy: async () => ({ Component: (await import("./orders-page.tsx")).Orders }),
          },
          {
            path: "/note",
            ErrorBoundary,
            loader: requireSession(client),
            shouldRevalidate: keepWhenEnded(client),
            action: sessionAction(client, ({ request }) =>
              client.request("/api/notes", { method: "POST", body: "{}", signal: request.signal }),
            ),
            Component: Note,
          },
        ],
      },
    ],
    { basename: "/app" },
  );
  revalidateOnSessionChange(client, router);
  createRoot(container).render(
    <StrictMode>
      <SessionProvider client={client}>
        <RouterProvider router={router} />
      </SessionProvider>
    </StrictMode>,
  );
}
