// The page of in-chromium.extended.test.ts: one scenario per path, in StrictMode with the development build of React.
import { type Client, createClient, stateOfUserBody } from "@cloakroom/client";
import { type ReactNode, StrictMode, useEffect, useState } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server.browser";
import { RequireSession, SessionProvider, useEndReason, useRequest, useSession } from "../../src/index.ts";
import { renderRouter } from "./router-page.tsx";

declare global {
  interface Window {
    /** What the test reads or calls. */
    page: Record<string, unknown>;
  }
}

const root = document.getElementById("root");
if (root === null) throw new Error("no root");
window.page = {};

const renders: string[] = [];

function Status() {
  const { status, user } = useSession();
  renders.push(status);
  return <p>{`${status} ${user?.name ?? "no user"}`}</p>;
}

const app = (children: ReactNode) => (
  <StrictMode>
    <SessionProvider>{children}</SessionProvider>
  </StrictMode>
);

function Comment() {
  const { status } = useSession();
  const [text, setText] = useState("");
  return (
    <>
      <p>{`comment of ${status}`}</p>
      <input aria-label="Controlled" value={text} onChange={(event) => setText(event.target.value)} />
      <input aria-label="Uncontrolled" />
    </>
  );
}

function Notice() {
  const { endReason, dismiss } = useEndReason();
  return endReason === null ? null : <button onClick={dismiss}>{`ended: ${endReason}`}</button>;
}

function Orders() {
  const { state, run, cancel } = useRequest<{ n: number }>();
  useEffect(() => run("/api/orders"), [run]);
  const value = state.kind === "succeeded" ? state.value.n : state.kind === "pending" && state.retry ? "retry" : "";
  return (
    <button onClick={cancel}>
      {state.kind} {value}
    </button>
  );
}

type Hydration = { provider?: "client" | "options"; loadFirst?: boolean; user?: unknown };

/** Renders on a simulated server first: without the client's state, which may have been loaded meanwhile. */
async function hydrate(
  container: HTMLElement,
  { provider = "client", loadFirst = false, user }: Hydration = {},
): Promise<void> {
  const errors: string[] = [];
  window.page["errors"] = errors;
  const initialState = user === undefined ? {} : { initialState: stateOfUserBody(user) };
  const pageOf = (client: Client) => {
    const children = (
      <>
        <Status />
        <RequireSession fallback={<p>fallback</p>}>{({ user: { sub } }) => <p>{`for ${sub}`}</p>}</RequireSession>
      </>
    );
    return (
      <StrictMode>
        {provider === "client" ? (
          <SessionProvider client={client} {...initialState}>
            {children}
          </SessionProvider>
        ) : (
          <SessionProvider initialUser={user}>{children}</SessionProvider>
        )}
      </StrictMode>
    );
  };
  container.innerHTML = renderToString(pageOf(createClient()));
  window.page["html"] = container.innerHTML;
  const client = createClient();
  if (user !== undefined) client.seed(user);
  if (loadFirst) await client.ensureLoaded();
  hydrateRoot(container, pageOf(client), { onRecoverableError: (error) => errors.push(String(error)) });
}

const renderedUser = { user: { sub: "alice", name: "Alice Example" }, session: { id: "handle-1" } };

const scenarios: Record<string, (container: HTMLElement) => unknown> = {
  "/status": (container) => {
    const mounted = createRoot(container);
    window.page["renders"] = renders;
    window.page["unmount"] = () => mounted.unmount();
    mounted.render(app(<Status />));
  },
  "/hydrate": (container) => hydrate(container),
  "/hydrate-own": (container) => hydrate(container, { provider: "options" }),
  "/hydrate-loaded": (container) => hydrate(container, { loadFirst: true }),
  "/hydrate-user": (container) => hydrate(container, { user: renderedUser }),
  "/hydrate-own-user": (container) => hydrate(container, { provider: "options", user: renderedUser }),
  "/keep": (container) =>
    createRoot(container).render(
      app(
        <RequireSession keepWhenEnded>
          <Comment />
        </RequireSession>,
      ),
    ),
  "/guarded": (container) =>
    createRoot(container).render(
      app(
        <>
          <Notice />
          <RequireSession fallback={<p>fallback</p>}>
            <Comment />
          </RequireSession>
        </>,
      ),
    ),
  "/level": (container) =>
    createRoot(container).render(
      app(
        <RequireSession acrValues="2">
          <Comment />
        </RequireSession>,
      ),
    ),
  "/request": (container) => createRoot(container).render(app(<Orders />)),
};

const scenario = scenarios[window.location.pathname];
if (scenario !== undefined) void scenario(root);
else renderRouter(root);
