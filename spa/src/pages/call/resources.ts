// API resources that the page can request.
import { api } from "../../paths.ts";

const slowMs = 8_000;

export const resources = {
  protected: { label: "/api/protected", path: (message: string) => api.protected(message) },
  confidential: { label: "/api/confidential", path: (message: string) => api.confidential(message) },
  department: { label: "/api/department", path: () => api.department },
  admin: { label: "/api/admin", path: () => api.admin },
  echo: { label: "/api/echo", path: () => api.echo },
  slow: { label: `/api/slow (${slowMs / 1000} s)`, path: () => api.slow(slowMs) },
} as const;

export type ResourceName = keyof typeof resources;

export const defaultResource: ResourceName = "protected";

/** Falls back to the default for an unknown name. */
export function parseResourceName(text: string): ResourceName {
  return Object.hasOwn(resources, text) ? (text as ResourceName) : defaultResource;
}
