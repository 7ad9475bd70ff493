// Pages of /bff/login: one that continues by a navigation from our own origin, and the confirmation page of a login that
// another site has started.
import { escapeHtml, htmlPage } from "../http/error-page.ts";
import type { Session } from "../session/session.ts";

/** Continues to `url` at once. Its link is for browsers that do not follow a refresh. */
export function continuePage(url: string): string {
  return htmlPage({
    title: "One moment",
    head: `<meta http-equiv="refresh" content="0;url=${escapeHtml(url)}">`,
    main: `<p>You are being taken to the login.</p>\n<nav><a href="${escapeHtml(url)}">Continue</a></nav>`,
  });
}

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
export function confirmationPage({ session, fields, returnPath }: Confirmation): string {
  const inputs = [...fields].map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  );
  const form = `<form method="post" action="/bff/login">${inputs.join("")}`;
  const path = escapeHtml(returnPath);
  if (session === undefined)
    return htmlPage({
      title: "Do you want to log in?",
      main: `<p>Another site asks you to log in to this application. If you are logged in here, that session ends.</p>
<nav><a href="${path}">Do not log in</a>${form}<button>Log in</button></form></nav>`,
    });
  const name = `<bdi>${escapeHtml(nameOf(session))}</bdi>`;
  return htmlPage({
    title: "You are already logged in",
    main: `<p>You are logged in as <strong>${name}</strong>. Another site asks you to log in again. If you do, this session ends, and the login service decides which account is used.</p>
<nav><a href="${path}">Stay logged in</a>${form}<button>Log in again</button></form></nav>`,
  });
}

/** The first of the usual claims that is a non-blank text. */
function nameOf({ user, subject }: Session): string {
  const names = [user["name"], user["preferred_username"], user["email"]];
  const name = names.find((each): each is string => typeof each === "string" && each.trim() !== "") ?? subject;
  return name.slice(0, MAX_NAME_CHARS);
}
