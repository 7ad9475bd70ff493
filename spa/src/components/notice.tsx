// A message with actions. The live region in notices.tsx announces it.
import type { ReactNode } from "react";

interface NoticeProps {
  readonly tone: "calm" | "grave";
  readonly title: string;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
}

export function Notice({ tone, title, children, actions }: NoticeProps) {
  return (
    <section className={`notice notice-${tone}`} aria-label={title}>
      <div className="notice-text">
        <p className="notice-title">{title}</p>
        {children}
      </div>
      {actions !== undefined && <div className="actions">{actions}</div>}
    </section>
  );
}
