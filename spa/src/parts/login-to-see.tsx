// In place of a page that needs a login: says so, and leaves the decision to the person.
import type { EndReason } from "../session/session-state.ts";
import { endTexts } from "./end-texts.ts";
import { LoginLink } from "./login-link.tsx";
import { Page } from "./page.tsx";

interface LoginToSeeProps {
  readonly heading: string;
  readonly purpose: string;
  readonly ended: EndReason | null;
}

export function LoginToSee({ heading, purpose, ended }: LoginToSeeProps) {
  const lead = ended === null ? `Log in to see this page. ${purpose}` : `${endTexts[ended].meaning} ${purpose}`;
  return (
    <Page
      heading={ended === null ? heading : endTexts[ended].title}
      title={ended === null ? `${heading} (login needed)` : endTexts[ended].title}
      lead={lead}
      className="login-to-see"
    >
      <div className="stub-row">
        <LoginLink label={ended === null ? "Log in" : "Log in again"} />
        <p className="quiet">You come back to this page afterwards.</p>
      </div>
    </Page>
  );
}
