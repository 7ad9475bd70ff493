// App shell: header, notices and footer around every page.
import { Link, Outlet } from "react-router";
import type { ReactNode } from "react";
import { Loading } from "../components/loading.tsx";
import { paths } from "../paths.ts";
import { useSession } from "../session/session.ts";
import { Header } from "./header.tsx";
import { Notices } from "./notices.tsx";

export function Shell() {
  const session = useSession();
  return (
    <Frame header={<Header session={session} />} notices={<Notices session={session} />}>
      <Outlet />
    </Frame>
  );
}

/** On a faster start the placeholder fades in, to avoid a flash. On a slower one index.html has shown it already. */
const fastStartMs = 1_000;
const isFastStart = performance.now() < fastStartMs;

/** Placeholder until the first session check has completed or timed out. */
export function ShellSkeleton() {
  return (
    <Frame header={<Header session={null} />}>
      <div className={`page ${isFastStart ? "page-fade-in" : ""}`}>
        <h1 className="visually-hidden">Cloakroom</h1>
        <Loading what="your session" />
      </div>
    </Frame>
  );
}

interface FrameProps {
  readonly header?: ReactNode;
  readonly notices?: ReactNode;
  readonly children: ReactNode;
}

export function Frame({ header, notices, children }: FrameProps) {
  return (
    <>
      <a className="skip-link" href="#main">
        Skip to the content
      </a>
      {header}
      {notices}
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <footer className="foot">
        <p>Your app keeps a ticket; the gateway keeps the coat.</p>
        <p>
          <Link to={paths.underTheHood}>See what this browser holds</Link>
        </p>
      </footer>
    </>
  );
}
