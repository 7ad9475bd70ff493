// A page's frame: document title, h1, and focus on the h1 after a client-side navigation.
import { type ReactNode, useEffect, useRef } from "react";
import { useLocation, useNavigationType } from "react-router";

interface PageProps {
  readonly heading: ReactNode;
  /** The document title, without the app's name. */
  readonly title: string;
  readonly lead?: ReactNode;
  readonly className?: string;
  readonly children?: ReactNode;
}

let isFirstPage = true;

export function Page({ heading, title, lead, className = "", children }: PageProps) {
  const headingRef = useRef<HTMLHeadingElement>(null);
  useTitle(title);
  useNavigationFocus(headingRef);
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

/** Focus and scroll position after a client-side navigation; the browser does both for a new document. */
function useNavigationFocus(headingRef: React.RefObject<HTMLHeadingElement | null>): void {
  const { key, hash } = useLocation();
  const navigationType = useNavigationType();
  useEffect(() => {
    const target = hash === "" ? null : document.getElementById(hash.slice(1));
    target?.scrollIntoView();
    if (isFirstPage) {
      isFirstPage = false;
      return;
    }
    headingRef.current?.focus({ preventScroll: true });
    if (target === null && navigationType !== "POP") window.scrollTo(0, 0);
  }, [key, hash, navigationType, headingRef]);
}
