// The rail at the top of every page: where one is, who one is, and the way out.
import { Link, NavLink, useLocation } from "react-router";
import { LoginLink } from "../parts/login-link.tsx";
import { paths } from "../paths.ts";
import type { Logout } from "../session/use-logout.ts";
import type { SessionState } from "../session/session-state.ts";
import { Mark } from "./mark.tsx";

/** These show a login button of their own: two of them would make people choose between the same thing. */
const pagesWithOwnLogin: ReadonlySet<string> = new Set([
  paths.home,
  paths.profile,
  paths.call,
  paths.admin,
  paths.loggedOut,
]);

interface HeaderProps {
  readonly state: SessionState;
  readonly logout: Logout;
}

export function Header({ state, logout }: HeaderProps) {
  const isAdmin = state.who.kind === "user" && state.who.user.roles.includes("admin");
  return (
    <header className="rail">
      <div className="rail-inner">
        <Link to={paths.home} className="brand">
          <Mark />
          Cloakroom
        </Link>
        <nav className="rail-nav" aria-label="Main">
          <ul>
            <Entry to={paths.profile} label="Profile" />
            <Entry to={paths.call} label="Call the API" />
            {isAdmin && <Entry to={paths.admin} label="Admin" />}
            <Entry to={paths.underTheHood} label="Under the hood" />
          </ul>
        </nav>
        <Person state={state} logout={logout} />
      </div>
    </header>
  );
}

function Entry({ to, label }: { readonly to: string; readonly label: string }) {
  return (
    <li>
      <NavLink to={to}>{label}</NavLink>
    </li>
  );
}

function Person({ state, logout }: HeaderProps) {
  const { pathname } = useLocation();
  const { who } = state;
  switch (who.kind) {
    case "unknown":
      return <div className="rail-person" />;
    case "nobody":
      return (
        <div className="rail-person">{!pagesWithOwnLogin.has(pathname) && state.ended === null && <LoginLink />}</div>
      );
    case "user":
      return (
        <div className="rail-person">
          <span className="rail-name" title={who.user.displayName}>
            {who.user.displayName}
          </span>
          <button
            type="button"
            className="button"
            aria-disabled={logout.state.kind === "waiting"}
            onClick={() => {
              if (logout.state.kind !== "waiting") void logout.logout();
            }}
          >
            Log out
          </button>
        </div>
      );
  }
}
