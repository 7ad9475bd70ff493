// When drawing a page fails: the rest of the app stays usable.
import { useRouteError } from "react-router";
import { Page } from "../parts/page.tsx";
import { paths } from "../paths.ts";
import { Frame } from "../shell/shell.tsx";

export function Broken() {
  const error = useRouteError();
  return (
    <Page
      heading="This page broke"
      title="This page broke"
      lead="That is our mistake, not yours. Your session is not affected, and the other pages still work."
    >
      <div className="actions">
        <button type="button" className="button button-main" onClick={() => window.location.reload()}>
          Load the page again
        </button>
        <a className="button" href={paths.home}>
          Go to the start
        </a>
      </div>
      <p className="quiet">
        Tell support: <code>{error instanceof Error ? error.name : "unknown error"}</code>
      </p>
    </Page>
  );
}

export function BrokenShell() {
  return (
    <Frame>
      <Broken />
    </Frame>
  );
}
