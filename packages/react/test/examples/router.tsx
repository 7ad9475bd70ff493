// router.tsx
import { createClient } from "@cloakroom/client";
import { SessionProvider } from "@cloakroom/react";
import { requireSession, revalidateOnSessionChange, sessionErrorOf, sessionMiddleware } from "@cloakroom/react/router";
import { createBrowserRouter, Outlet, useRouteError } from "react-router";
import { RouterProvider } from "react-router/dom";

const client = createClient();
// Before the router reads the URL: a login that came back with a draft has added a parameter.
client.start();

const router = createBrowserRouter([
  {
    // Every page below knows whether a user is logged in. React Router runs middleware only for routes with a loader.
    middleware: [sessionMiddleware(client)],
    loader: () => null,
    Component: Outlet,
    ErrorBoundary,
    children: [
      { path: "/", lazy: async () => ({ Component: (await import("./account.tsx")).Account }) },
      {
        path: "/orders/:id",
        // Runs beside `lazy`. Without a session the browser goes to the login and returns to this page.
        loader: requireSession(client, { load: ({ params, user }) => ({ order: params["id"], buyer: user.sub }) }),
        lazy: async () => ({ Component: (await import("./orders.tsx")).Order }),
      },
    ],
  },
]);

revalidateOnSessionChange(client, router);

export function App() {
  return (
    <SessionProvider client={client}>
      <RouterProvider router={router} />
    </SessionProvider>
  );
}

function ErrorBoundary() {
  const error = sessionErrorOf(useRouteError());
  switch (error?.code) {
    case "login_required":
      return (
        <a href={error.loginUrl}>{error.endReason === null ? "Log in" : "Your session has ended: log in again"}</a>
      );
    case "step_up_required":
      return <a href={error.loginUrl}>Confirm that it is you</a>;
    case "session_unavailable":
      return <p>This page appears as soon as your session can be checked.</p>;
    case undefined:
      return <p>This page failed.</p>;
  }
}
