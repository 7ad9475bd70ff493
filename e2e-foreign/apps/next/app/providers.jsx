"use client";
import { SessionProvider } from "@cloakroom/react";

export function Providers({ children }) {
  return <SessionProvider>{children}</SessionProvider>;
}
