// Header of every page: navigation, user and logout. On narrow screens they are behind a menu button.
import { useEffect, useRef, useState } from "react";
import { Link, NavLink, useLocation } from "react-router";
import { initialsOf } from "./initials.ts";
import { LoginLink } from "../components/login-link.tsx";
import { IsolatedText } from "../components/isolated-text.tsx";
import { paths } from "../paths.ts";
import type { Logout } from "../session/use-logout.ts";
import type { SessionState } from "../session/session-state.ts";
import { Mark } from "./mark.tsx";

interface HeaderProps {
  readonly state: SessionState;
  readonly logout: Logout;
}

export function Header({ state, logout }: HeaderProps) {
  const { auth } = state;
  const { ref, buttonRef, isOpen, toggle } = useMenu();
  const isAdmin = auth.kind === "authenticated" && auth.user.roles.includes("admin");
  return (
    <header className="rail" ref={ref}>
      <div className="rail-inner">
        <Link to={paths.home} className="brand">
          <Mark />
          <span className="brand-name">Cloakroom</span>
        </Link>
        <div className="rail-short">
          {auth.kind === "anonymous" && <LoginLink />}
          {auth.kind === "authenticated" && (
            <abbr className="rail-initials" title={auth.user.displayName}>
              <bdi>{initialsOf(auth.user.displayName)}</bdi>
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
          <UserArea state={state} logout={logout} />
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

function UserArea({ state: { auth }, logout }: HeaderProps) {
  const isLoggingOut = logout.state.kind === "pending";
  switch (auth.kind) {
    case "unknown":
      return <div className="rail-user" />;
    case "anonymous":
      return (
        <div className="rail-user">
          {isLoggingOut ? (
            <span className="quiet">Logging out…</span>
          ) : (
            <LoginLink className="button button-main rail-login" />
          )}
        </div>
      );
    case "authenticated":
      return (
        <div className="rail-user">
          <span className="rail-name" title={auth.user.displayName}>
            <IsolatedText>{auth.user.displayName}</IsolatedText>
          </span>
          <button
            type="button"
            className="button"
            aria-disabled={isLoggingOut}
            aria-busy={isLoggingOut}
            onClick={() => {
              if (!isLoggingOut) void logout.logout();
            }}
          >
            {isLoggingOut ? "Logging out…" : "Log out"}
          </button>
        </div>
      );
  }
}
