// Error boundaries of the routes: a page that throws is replaced, the rest of the app stays usable.
import { useRouteError } from "react-router";
import { Page } from "../components/page.tsx";
import { paths } from "../paths.ts";
import { Frame } from "../shell/shell.tsx";

export function ErrorPage() {
  const error = useRouteError();
  return (
    <Page
      heading="This page failed"
      title="This page failed"
      lead="The cause is an error in this app. Your session is not affected, and the other pages still work."
    >
      <div className="actions">
        <button type="button" className="button button-main" onClick={() => window.location.reload()}>
          Reload the page
        </button>
        <a className="button" href={paths.home}>
          Go to the start page
        </a>
      </div>
      <p className="quiet">
        Error for support: <code>{error instanceof Error ? error.name : "unknown error"}</code>
      </p>
    </Page>
  );
}

/** Without header and notices, which may have thrown. */
export function RootErrorPage() {
  return (
    <Frame>
      <ErrorPage />
    </Frame>
  );
}
