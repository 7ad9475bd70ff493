// Route middleware of the root: nothing below it runs before it is known who is logged in. A parent loader could not
// promise that, because loaders run side by side. It guards nothing: the gateway does.
import { type MiddlewareFunction, createContext } from "react-router";
import { session } from "./session.ts";
import type { SessionState } from "./session-state.ts";

export const sessionContext = createContext<SessionState>();

export const loadSession: MiddlewareFunction = async ({ context }, next) => {
  await session.known();
  context.set(sessionContext, session.snapshot());
  return next();
};
