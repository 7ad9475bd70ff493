// Routes. The session is loaded before any page renders; a page that throws is replaced by its own error page.
import { sessionMiddleware } from "@cloakroom/react/router";
import { createBrowserRouter } from "react-router";
import { Admin } from "./pages/admin.tsx";
import { ErrorPage, RootErrorPage } from "./pages/error-page.tsx";
import { CallTheApi } from "./pages/call.tsx";
import { Home } from "./pages/home.tsx";
import { LoggedOut } from "./pages/logged-out.tsx";
import { NotFound } from "./pages/not-found.tsx";
import { Profile } from "./pages/profile.tsx";
import { UnderTheHood } from "./pages/under-the-hood.tsx";
import { paths } from "./paths.ts";
import { client } from "./session/session.ts";
import { Shell, ShellSkeleton } from "./shell/shell.tsx";

const pages = [
  { path: paths.home, Component: Home },
  { path: paths.profile, Component: Profile },
  { path: paths.call, Component: CallTheApi },
  { path: paths.admin, Component: Admin },
  { path: paths.underTheHood, Component: UnderTheHood },
  { path: paths.loggedOut, Component: LoggedOut },
  { path: "*", Component: NotFound },
];

export function createRouter() {
  return createBrowserRouter([
    {
      middleware: [sessionMiddleware(client)],
      // React Router runs middleware only for routes with a loader.
      loader: () => null,
      Component: Shell,
      HydrateFallback: ShellSkeleton,
      ErrorBoundary: RootErrorPage,
      children: pages.map((page) => ({ ...page, ErrorBoundary: ErrorPage })),
    },
  ]);
}
