// Whether something runs at this moment: a lit mark and words, or a hollow one.
import type { ReactNode } from "react";

export function LiveState({ isLive, children }: { readonly isLive: boolean; readonly children: ReactNode }) {
  return <output className={`live-state ${isLive ? "live-state-on" : ""}`}>{children}</output>;
}
