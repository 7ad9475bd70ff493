// Every URL of the app. `/api` and `/bff` belong to the gateway, so no page may use them.

export const paths = {
  home: "/",
  profile: "/profile",
  call: "/call",
  admin: "/admin",
  underTheHood: "/under-the-hood",
  loggedOut: "/logged-out",
} as const;

/** The gateway's other endpoints are known to @cloakroom/client. */
export const gateway = { user: "/bff/user" } as const;

export const api = {
  protected: (message: string): string => `/api/protected?${new URLSearchParams({ message }).toString()}`,
  confidential: (message: string): string => `/api/confidential?${new URLSearchParams({ message }).toString()}`,
  department: "/api/department",
  admin: "/api/admin",
  echo: "/api/echo",
  events: "/api/events",
  socket: "/api/socket",
  slow: (ms: number): string => `/api/slow?ms=${ms}`,
} as const;
