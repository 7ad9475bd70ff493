// The public interface of @cloakroom/react/router: loaders, actions and hooks for react-router in data mode.
export { keepWhenEnded } from "./router/keep-when-ended.ts";
export { requireSession, type RequireSessionLoaderOptions, type SessionData } from "./router/require-session.ts";
export { revalidateOnSessionChange } from "./router/revalidate-on-session-change.ts";
export { sessionAction, type SessionActionData, type SessionActionOptions } from "./router/session-action.ts";
export { type SessionRouteError, sessionErrorOf } from "./router/session-route-error.ts";
export { sessionMiddleware } from "./router/session-middleware.ts";
export { useLoginUrl } from "./router/use-login-url.ts";
