// Route middleware of the root route: loads the session before any page renders. A parent route's loader would not do,
// since loaders run in parallel. Not an access check: the gateway authorizes every request.
import type { MiddlewareFunction } from "react-router";
import { buildReturnPath } from "./return-path.ts";
import { session } from "./session.ts";
import { startSilentLogin, type SilentLoginDependencies } from "./silent-login.ts";

let isFirstPage = true;

const tab: SilentLoginDependencies = {
  offer: () => {
    const { auth } = session.snapshot();
    return (auth.kind === "anonymous" ? auth.silentLogin : undefined) ?? null;
  },
  check: session.check,
  storage: () => window.sessionStorage,
  isPrerendering: () => "prerendering" in document && document.prerendering === true,
  pathname: () => window.location.pathname,
  returnPath: () => buildReturnPath(window.location),
  navigate: (url) => window.location.replace(url),
};

export const loadSession: MiddlewareFunction = async (_args, next) => {
  await session.ensureLoaded();
  if (isFirstPage) {
    isFirstPage = false;
    void startSilentLogin(tab);
  }
  return next();
};
