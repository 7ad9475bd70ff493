// Rendering on a server: without window, and nothing personal in the HTML unless the host passes it.
import { stateOfUserBody } from "@cloakroom/client";
import { renderToString } from "react-dom/server";
import { expect, it } from "vitest";
import { RequireSession, SessionProvider, useEndReason, useIsChecking, useSession } from "../src/index.ts";
import { alice, createGateway, loggedIn } from "./support.ts";

function Status() {
  const { status, user } = useSession();
  return <p>{`${status} ${user?.name ?? "no user"} ${useEndReason().endReason} ${useIsChecking()}`}</p>;
}

const pages = {
  useSession: {
    page: <Status />,
    loading: "<p>loading no user null false</p>",
    authenticated: "<p>authenticated Alice Example null false</p>",
  },
  RequireSession: {
    page: <RequireSession fallback={<p>fallback</p>}>{({ user }) => <p>{`for ${user.name}`}</p>}</RequireSession>,
    loading: "<p>fallback</p>",
    authenticated: "<p>for Alice Example</p>",
  },
};
const rows = Object.entries(pages).map(([name, page]) => ({ name, ...page }));

it("the tests of this file run without a DOM", () => {
  expect([typeof window, typeof document]).toEqual(["undefined", "undefined"]);
});

it.each(rows)("a server renders $name without a user", ({ page, loading }) => {
  expect(renderToString(<SessionProvider>{page}</SessionProvider>)).toBe(loading);
});

it.each(rows)("a server renders $name with the user that the host passes", ({ page, authenticated }) => {
  const html = renderToString(<SessionProvider initialUser={loggedIn()}>{page}</SessionProvider>);
  expect(html).toBe(authenticated);
});

it.each(rows)("a server renders $name without the user that its client has loaded", async ({ page, loading }) => {
  const { client } = createGateway(loggedIn());
  expect((await client.ensureLoaded()).renderedSub).toBe(alice.sub);
  expect(renderToString(<SessionProvider client={client}>{page}</SessionProvider>)).toBe(loading);
  client.close();
});

it.each(rows)("a server renders $name with the state that the host passes beside a client", ({ page, ...html }) => {
  const { client } = createGateway();
  const state = stateOfUserBody(loggedIn());
  const rendered = renderToString(
    <SessionProvider client={client} initialState={state}>
      {page}
    </SessionProvider>,
  );
  expect(rendered).toBe(html.authenticated);
  expect(client.getState().status).toBe("unknown");
});

it("a hook outside the provider names the cure", () => {
  expect(() => renderToString(<Status />)).toThrow("<SessionProvider>");
});
