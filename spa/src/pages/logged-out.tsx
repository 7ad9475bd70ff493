// Where a logout ends. It says "logged out" only if the gateway agrees: anybody can open this address.
import { Link, useSearchParams } from "react-router";
import { LoginLink } from "../parts/login-link.tsx";
import { Name } from "../parts/name.tsx";
import { Page } from "../parts/page.tsx";
import { Waiting } from "../parts/waiting.tsx";
import { paths } from "../paths.ts";
import { useSession } from "../session/session.ts";

export function LoggedOut() {
  const { who, trouble } = useSession();
  switch (who.kind) {
    case "user":
      return <StillLoggedIn name={who.user.displayName} />;
    case "nobody":
      return <Goodbye />;
    case "unknown":
      return (
        <Page heading="Logging out" title="Logging out">
          {trouble === null ? (
            <Waiting what="the gateway" />
          ) : (
            <p className="lead">Whether you are logged out is known as soon as the gateway answers again.</p>
          )}
        </Page>
      );
  }
}

function Goodbye() {
  const [query] = useSearchParams();
  const isProviderUnreachable = query.get("provider") === "unreachable";
  return (
    <Page
      heading="You are logged out"
      title="You are logged out"
      lead="The gateway has deleted this browser’s session and its tokens."
    >
      {isProviderUnreachable && (
        <div className="callout">
          <p>
            The login service could not be reached. <strong>You may still be logged in there</strong>, so that the next
            login might not ask for a password. On a shared computer, close the browser.
          </p>
        </div>
      )}
      <div className="actions">
        <LoginLink />
        <Link className="button" to={paths.home}>
          Go to the start
        </Link>
      </div>
    </Page>
  );
}

function StillLoggedIn({ name }: { readonly name: string }) {
  return (
    <Page
      heading="You are still logged in"
      title="You are still logged in"
      lead={
        <>
          As <Name>{name}</Name>. To end the session, use “Log out” at the top of the page or in its menu.
        </>
      }
    >
      <div className="actions">
        <Link className="button" to={paths.home}>
          Go to the start
        </Link>
      </div>
    </Page>
  );
}
