// Every URL of the app. `/api` and `/bff` belong to the gateway, so no page may use them.

export const paths = {
  home: "/",
  profile: "/profile",
  call: "/call",
  admin: "/admin",
  underTheHood: "/under-the-hood",
  loggedOut: "/logged-out",
} as const;

export const gateway = {
  user: "/bff/user",
  logout: "/bff/logout",
  events: "/bff/events",
  sessions: "/bff/sessions",
  session: (handle: string): string => `/bff/sessions/${encodeURIComponent(handle)}`,
  login: (returnPath: string): string => `/bff/login?${new URLSearchParams({ returnTo: returnPath })}`,
  silentLogin: (returnPath: string): string =>
    `/bff/login?${new URLSearchParams({ prompt: "none", returnTo: returnPath })}`,
  /** @param loginUrl of a `step_up_required` problem, with `acr_values` and `max_age` */
  stepUp: (loginUrl: string, returnPath: string): string => {
    const query = new URLSearchParams(loginUrl.split("?")[1]);
    query.set("returnTo", returnPath);
    return `/bff/login?${query}`;
  },
} as const;

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
