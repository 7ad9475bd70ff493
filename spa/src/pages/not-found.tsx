// 404: no route has this path.
import { Link, useLocation } from "react-router";
import { Page } from "../components/page.tsx";
import { paths } from "../paths.ts";

export function NotFound() {
  const { pathname } = useLocation();
  return (
    <Page heading="Page not found" title="Page not found" lead="No page has this address (404).">
      <p>
        <code className="breakable">{pathname}</code>
      </p>
      <div className="actions">
        <Link className="button button-main" to={paths.home}>
          Go to the start page
        </Link>
      </div>
    </Page>
  );
}
