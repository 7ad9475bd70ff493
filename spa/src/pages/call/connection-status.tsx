// Status of a stream or connection: a filled or hollow dot and a text, announced as a live region.
import type { ReactNode } from "react";

export function ConnectionStatus({ isOpen, children }: { readonly isOpen: boolean; readonly children: ReactNode }) {
  return <output className={`connection-status ${isOpen ? "connection-open" : ""}`}>{children}</output>;
}
