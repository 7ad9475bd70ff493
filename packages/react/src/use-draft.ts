// Input that a page gave to a login comes back after it.
"use client";
import { useEffect, useRef } from "react";
import { useProvided } from "./session-context.ts";
import { useSession } from "./use-session.ts";

/**
 * Calls `restore` with the `draft` of `login` or `stepUp`: once, after that login has returned, and for the same user only.
 * Check its shape: a draft of an earlier version of the app may come back.
 */
export function useDraft(restore: (draft: unknown) => void): void {
  const { client } = useProvided();
  const { status } = useSession();
  const latestRestore = useRef(restore);
  useEffect(() => {
    latestRestore.current = restore;
  });
  useEffect(() => {
    if (status !== "authenticated") return;
    // Deferred: StrictMode runs an effect twice, and what the first run starts would be cancelled in between.
    const timer = setTimeout(() => {
      const draft = client.takeDraft();
      if (draft !== null) latestRestore.current(draft);
    });
    return () => clearTimeout(timer);
  }, [client, status]);
}
