// Provides a session client to the components below it and starts the client in the browser.
"use client";
import {
  type Client,
  type ClientOptions,
  createClient,
  initialState,
  type SessionState,
  stateOfUserBody,
} from "@cloakroom/client";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { SessionContext } from "./session-context.ts";
import { toView } from "./session-view.ts";

export type SessionProviderProps<User> = {
  readonly children?: ReactNode;
} & (
  | {
      /** A client of the app, which can be used outside React as well, for example by loaders. */
      readonly client: Client<User>;
      /** The state that a server has rendered the page with, from `stateOfUserBody`. The browser seeds its client as well. */
      readonly initialState?: SessionState<User>;
      readonly options?: never;
      readonly initialUser?: never;
    }
  | {
      readonly client?: never;
      readonly initialState?: never;
      /** Options of the client that the provider creates. Read once: later changes have no effect. */
      readonly options?: ClientOptions<User>;
      /** The body of `GET /bff/user` that a server renders the page with, the same on the server and in the browser. */
      readonly initialUser?: unknown;
    }
);

export function SessionProvider<User>({ children, ...props }: SessionProviderProps<User>) {
  // A client has no effect until it is started: React may create one for a render that it discards.
  const [created] = useState(() => (props.client === undefined ? createOwn(props) : null));
  const client = props.client ?? created?.client;
  if (client === undefined)
    throw new Error("The prop `client` of <SessionProvider> was removed after the first render.");
  const state = props.initialState ?? created?.state ?? initialState;
  const [firstState] = useState(state);
  const provided = useMemo(
    () => ({ client, initial: { state: firstState, view: toView(client, firstState) } }),
    [client, firstState],
  );
  useEffect(() => {
    const stop = client.start();
    // Deferred, because StrictMode and fast refresh run an effect again at once: the client stays started.
    return () => {
      setTimeout(stop);
    };
  }, [client]);
  // React 18 does not render a context itself, only its provider.
  return <SessionContext.Provider value={provided}>{children}</SessionContext.Provider>;
}

interface OwnClientProps<User> {
  readonly options?: ClientOptions<User>;
  readonly initialUser?: unknown;
}

function createOwn<User>({ options = {}, initialUser }: OwnClientProps<User>) {
  const client = createClient(options);
  if (initialUser === undefined) return { client, state: initialState };
  client.seed(initialUser);
  return { client, state: stateOfUserBody(initialUser, options.parseUser) };
}
