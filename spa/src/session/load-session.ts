// Route middleware of the root route: loads the session before any page renders. A parent route's loader would not do,
// since loaders run in parallel. Not an access check: the gateway authorizes every request.
import type { MiddlewareFunction } from "react-router";
import { session } from "./session.ts";

export const loadSession: MiddlewareFunction = async (_args, next) => {
  await session.ensureLoaded();
  return next();
};
