// URL of a login that returns to the current route, for <a href>.
"use client";
import type { LoginOptions } from "@cloakroom/client";
import { useHref, useLocation } from "react-router";
import { useSessionClient } from "../use-session.ts";

/** The router's location is known on a server too, so a link renders the same there. */
export function useLoginUrl(options: LoginOptions = {}): string {
  const client = useSessionClient();
  const { pathname, search, hash } = useLocation();
  const returnTo = useHref({ pathname, search, hash });
  return client.loginUrl({ returnTo, ...options });
}
