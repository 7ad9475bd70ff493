// The confirmation page of a login that another site has started.
import type { PageLanguages } from "../http/languages.ts";
import type { Page, Pages } from "../http/pages.ts";
import type { Session } from "../session/session.ts";

type Confirmation = {
  /** The session that the login would replace, if the browser has sent one. */
  session: Session | undefined;
  /** Fields of the form, in addition to the consent. */
  fields: ReadonlyMap<string, string>;
  /** Validated path behind the link that keeps the session. */
  returnPath: string;
};

const MAX_NAME_CHARS = 100;

/** Contains no text of the request: it would be the other site's text on our page. */
export function confirmationPage(
  pages: Pages,
  wanted: PageLanguages,
  { session, fields, returnPath }: Confirmation,
): Page {
  return pages.confirm(wanted, {
    userName: session && nameOf(session),
    keepHref: returnPath,
    action: "/bff/login",
    fields: [...fields].map(([name, value]) => ({ name, value })),
  });
}

/** The first of the usual claims that is a non-blank text. */
function nameOf({ user, subject }: Session): string {
  const names = [user["name"], user["preferred_username"], user["email"]];
  const name = names.find((each): each is string => typeof each === "string" && each.trim() !== "") ?? subject;
  return name.slice(0, MAX_NAME_CHARS);
}
