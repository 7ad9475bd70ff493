// A page's frame: its title in the tab, its one h1, and the focus that tells a screen reader where it is now.
import { type ReactNode, useEffect, useRef } from "react";
import { useLocation, useNavigationType } from "react-router";

interface PageProps {
  readonly heading: ReactNode;
  /** What the tab says. */
  readonly title: string;
  readonly lead?: ReactNode;
  readonly className?: string;
  readonly children?: ReactNode;
}

let isFirstPage = true;

export function Page({ heading, title, lead, className = "", children }: PageProps) {
  const headingRef = useRef<HTMLHeadingElement>(null);
  useTitle(title);
  useArrival(headingRef);
  return (
    <div className={`page ${className}`}>
      <header className="page-head">
        <h1 ref={headingRef} tabIndex={-1}>
          {heading}
        </h1>
        {lead !== undefined && <p className="lead">{lead}</p>}
      </header>
      {children}
    </div>
  );
}

function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "Cloakroom" ? title : `${title} · Cloakroom`;
  }, [title]);
}

/** A fresh document is announced and scrolled by the browser itself; a change of route is ours to announce. */
function useArrival(headingRef: React.RefObject<HTMLHeadingElement | null>): void {
  const { key, hash } = useLocation();
  const navigationType = useNavigationType();
  useEffect(() => {
    const target = hash === "" ? null : document.getElementById(decodeURIComponent(hash.slice(1)));
    target?.scrollIntoView();
    if (isFirstPage) {
      isFirstPage = false;
      return;
    }
    headingRef.current?.focus({ preventScroll: true });
    if (target === null && navigationType !== "POP") window.scrollTo(0, 0);
  }, [key, hash, navigationType, headingRef]);
}
