// The pages and what they have in common: the session is known before any of them is drawn, and each breaks alone.
import { createBrowserRouter } from "react-router";
import { Admin } from "./pages/admin.tsx";
import { Broken, BrokenShell } from "./pages/broken.tsx";
import { CallTheApi } from "./pages/call.tsx";
import { Home } from "./pages/home.tsx";
import { LoggedOut } from "./pages/logged-out.tsx";
import { NotFound } from "./pages/not-found.tsx";
import { Profile } from "./pages/profile.tsx";
import { UnderTheHood } from "./pages/under-the-hood.tsx";
import { paths } from "./paths.ts";
import { loadSession } from "./session/load-session.ts";
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
      middleware: [loadSession],
      // Middleware runs for a route with a loader; this one has nothing to load itself.
      loader: () => null,
      Component: Shell,
      HydrateFallback: ShellSkeleton,
      ErrorBoundary: BrokenShell,
      children: pages.map((page) => ({ ...page, ErrorBoundary: Broken })),
    },
  ]);
}
