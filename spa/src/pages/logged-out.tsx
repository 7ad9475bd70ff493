// Landing page of a logout. Anonymous and logged-in users can open its URL, so it shows the result of the session check.
import { Link, useSearchParams } from "react-router";
import { LoginLink } from "../components/login-link.tsx";
import { IsolatedText } from "../components/isolated-text.tsx";
import { Page } from "../components/page.tsx";
import { Loading } from "../components/loading.tsx";
import { paths } from "../paths.ts";
import { useSession } from "../session/session.ts";

export function LoggedOut() {
  const { status, user } = useSession();
  switch (status) {
    case "authenticated":
      return <StillLoggedIn name={user.displayName} />;
    case "anonymous":
      return <LogoutComplete />;
    case "loading":
    case "unavailable":
      return (
        <Page heading="Logging out" title="Logging out">
          {status === "loading" ? (
            <Loading what="the gateway" />
          ) : (
            <p className="lead">This page shows whether you are logged out as soon as the gateway can be reached.</p>
          )}
        </Page>
      );
  }
}

function LogoutComplete() {
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
          Go to the start page
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
          As <IsolatedText>{name}</IsolatedText>. To end the session, use “Log out” at the top of the page or in its
          menu.
        </>
      }
    >
      <div className="actions">
        <Link className="button" to={paths.home}>
          Go to the start page
        </Link>
      </div>
    </Page>
  );
}
