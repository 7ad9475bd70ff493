// Header of every page: navigation, user and logout. On narrow screens they are behind a menu button.
import type { SessionView } from "@cloakroom/react";
import { useEffect, useRef, useState } from "react";
import { Link, NavLink, useLocation } from "react-router";
import { initialsOf } from "./initials.ts";
import { LoginLink } from "../components/login-link.tsx";
import { IsolatedText } from "../components/isolated-text.tsx";
import { paths } from "../paths.ts";
import { logOut } from "../session/log-out.ts";
import type { User } from "../session/user.ts";
import { Mark } from "./mark.tsx";

interface HeaderProps {
  /** Null while the app starts. */
  readonly session: SessionView<User> | null;
}

export function Header({ session }: HeaderProps) {
  const { ref, buttonRef, isOpen, toggle } = useMenu();
  const user = session?.user ?? null;
  const isAdmin = user?.roles.includes("admin") === true;
  return (
    <header className="rail" ref={ref}>
      <div className="rail-inner">
        <Link to={paths.home} className="brand">
          <Mark />
          <span className="brand-name">Cloakroom</span>
        </Link>
        <div className="rail-short">
          {session?.status === "anonymous" && <LoginLink />}
          {user !== null && (
            <abbr className="rail-initials" title={user.displayName}>
              <bdi>{initialsOf(user.displayName)}</bdi>
            </abbr>
          )}
          <button
            ref={buttonRef}
            type="button"
            className="button"
            aria-expanded={isOpen}
            aria-controls="rail-menu"
            onClick={toggle}
          >
            Menu
          </button>
        </div>
        <div id="rail-menu" className={`rail-menu ${isOpen ? "rail-menu-open" : ""}`}>
          <nav className="rail-nav" aria-label="Main">
            <ul>
              <NavItem to={paths.profile} label="Profile" />
              <NavItem to={paths.call} label="Call the API" />
              {isAdmin && <NavItem to={paths.admin} label="Admin" />}
              <NavItem to={paths.underTheHood} label="Under the hood" />
            </ul>
          </nav>
          <UserArea session={session} />
        </div>
      </div>
    </header>
  );
}

/** Closes on navigation, on Escape, and when the user clicks or moves the focus outside. */
function useMenu() {
  const { key } = useLocation();
  const [openAt, setOpenAt] = useState<string | null>(null);
  const isOpen = openAt === key;
  const ref = useRef<HTMLElement>(null);
  const buttonRef = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const closeOutside = (event: Event): void => {
      if (event.target instanceof Node && ref.current?.contains(event.target) === false) setOpenAt(null);
    };
    const closeOnEscape = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      setOpenAt(null);
      buttonRef.current?.focus();
    };
    document.addEventListener("pointerdown", closeOutside);
    document.addEventListener("focusin", closeOutside);
    document.addEventListener("keydown", closeOnEscape);
    return () => {
      document.removeEventListener("pointerdown", closeOutside);
      document.removeEventListener("focusin", closeOutside);
      document.removeEventListener("keydown", closeOnEscape);
    };
  }, [isOpen]);
  return { ref, buttonRef, isOpen, toggle: () => setOpenAt(isOpen ? null : key) };
}

function NavItem({ to, label }: { readonly to: string; readonly label: string }) {
  return (
    <li>
      <NavLink to={to}>{label}</NavLink>
    </li>
  );
}

function UserArea({ session }: HeaderProps) {
  const logout = session?.logoutState;
  switch (session?.status) {
    case undefined:
    case "loading":
    case "unavailable":
      return <div className="rail-user" />;
    case "anonymous":
      return (
        <div className="rail-user">
          {logout?.kind === "pending" ? (
            <span className="quiet">Logging out…</span>
          ) : (
            <LoginLink className="button button-main rail-login" />
          )}
        </div>
      );
    case "authenticated": {
      const { displayName } = session.user;
      // A logout of all sessions is shown where it was started.
      const isLoggingOut = logout?.kind === "pending" && !logout.everywhere;
      return (
        <div className="rail-user">
          <span className="rail-name" title={displayName}>
            <IsolatedText>{displayName}</IsolatedText>
          </span>
          <button
            type="button"
            className="button"
            aria-disabled={isLoggingOut}
            aria-busy={isLoggingOut}
            onClick={() => {
              if (!isLoggingOut) void logOut({ everywhere: false });
            }}
          >
            {isLoggingOut ? "Logging out…" : "Log out"}
          </button>
        </div>
      );
    }
  }
}
