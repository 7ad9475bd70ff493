// The public interface of @cloakroom/react: the session of a Cloakroom gateway for React components.
export { RequireSession, type RequireSessionProps, type StepUpRequired } from "./require-session.tsx";
export type { RequiredLevel } from "./authentication-level.ts";
export { SessionProvider, type SessionProviderProps } from "./session-provider.tsx";
export type {
  AnonymousSession,
  AuthenticatedSession,
  LoadingSession,
  SessionActions,
  SessionView,
  UnavailableSession,
} from "./session-view.ts";
export { useDraft } from "./use-draft.ts";
export { type RequestHandle, type RequestState, type Send, type SendContext, useRequest } from "./use-request.ts";
export { type EndReasonHandle, useEndReason, useIsChecking, useSession, useSessionClient } from "./use-session.ts";
