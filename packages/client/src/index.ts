// The public interface of the package.
export type { Client, ClientOptions, NavigationOptions, Sessions } from "./client.ts";
export { createClient, stateOfUserBody } from "./create-client.ts";
export { buildReturnPath, type LoginOptions } from "./login.ts";
export type { LogoutOptions } from "./logout.ts";
export type { Failure, Outcome } from "./outcome.ts";
export type { PageWindow } from "./page-window.ts";
export type { Problem } from "./problem.ts";
export type { FetchInit, RequestOptions, Retry } from "./session-fetch.ts";
export type { SessionEvent } from "./session-messages.ts";
export { initialState, type CheckError, type EndReason, type LogoutState, type SessionState } from "./session-state.ts";
export type { UserChange } from "./session-store.ts";
export type { SessionSummary } from "./sessions.ts";
export type { Anonymous, Authenticated, DefaultClaims, ParseUser, Session, SilentLoginOffer } from "./user.ts";
