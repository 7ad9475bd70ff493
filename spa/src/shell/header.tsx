// The rail at the top of every page: where one is, who one is, and the way out. Where it is narrow, behind a menu.
import { useEffect, useRef, useState } from "react";
import { Link, NavLink, useLocation } from "react-router";
import { initialsOf } from "../parts/initials.ts";
import { LoginLink } from "../parts/login-link.tsx";
import { Name } from "../parts/name.tsx";
import { paths } from "../paths.ts";
import type { Logout } from "../session/use-logout.ts";
import type { SessionState } from "../session/session-state.ts";
import { Mark } from "./mark.tsx";

interface HeaderProps {
  readonly state: SessionState;
  readonly logout: Logout;
}

export function Header({ state, logout }: HeaderProps) {
  const { who } = state;
  const { ref, buttonRef, isOpen, toggle } = useMenu();
  const isAdmin = who.kind === "user" && who.user.roles.includes("admin");
  return (
    <header className="rail" ref={ref}>
      <div className="rail-inner">
        <Link to={paths.home} className="brand">
          <Mark />
          <span className="brand-name">Cloakroom</span>
        </Link>
        <div className="rail-short">
          {who.kind === "nobody" && <LoginLink />}
          {who.kind === "user" && (
            <abbr className="rail-initials" title={who.user.displayName}>
              <bdi>{initialsOf(who.user.displayName)}</bdi>
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
              <Entry to={paths.profile} label="Profile" />
              <Entry to={paths.call} label="Call the API" />
              {isAdmin && <Entry to={paths.admin} label="Admin" />}
              <Entry to={paths.underTheHood} label="Under the hood" />
            </ul>
          </nav>
          <Person state={state} logout={logout} />
        </div>
      </div>
    </header>
  );
}

/** Closed by a change of page, by Escape, and by a press or the focus elsewhere. */
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

function Entry({ to, label }: { readonly to: string; readonly label: string }) {
  return (
    <li>
      <NavLink to={to}>{label}</NavLink>
    </li>
  );
}

function Person({ state: { who }, logout }: HeaderProps) {
  const isLeaving = logout.state.kind === "waiting";
  switch (who.kind) {
    case "unknown":
      return <div className="rail-person" />;
    case "nobody":
      return (
        <div className="rail-person">
          {isLeaving ? (
            <span className="quiet">Logging out…</span>
          ) : (
            <LoginLink className="button button-main rail-login" />
          )}
        </div>
      );
    case "user":
      return (
        <div className="rail-person">
          <span className="rail-name" title={who.user.displayName}>
            <Name>{who.user.displayName}</Name>
          </span>
          <button
            type="button"
            className="button"
            aria-disabled={isLeaving}
            aria-busy={isLeaving}
            onClick={() => {
              if (!isLeaving) void logout.logout();
            }}
          >
            {isLeaving ? "Logging out…" : "Log out"}
          </button>
        </div>
      );
  }
}
