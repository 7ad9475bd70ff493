import { createClient, type DefaultClaims, type SessionState } from "@cloakroom/client";
import "./style.css";

const app = document.getElementById("app");
if (app === null) throw new Error("index.html has no element #app.");

const client = createClient();
const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

let rendered = "";

/** Replaces the page only if something visible has changed, and keeps the focus. */
function render(state: SessionState<DefaultClaims>): void {
  const { status, user, endReason, error, endsAtMs, logout } = state;
  const content = JSON.stringify([status, user, endReason, error === null, endsAtMs, logout.kind]);
  if (app === null || content === rendered) return;
  rendered = content;
  const hadFocus = app.contains(document.activeElement);
  app.replaceChildren(...pageFor(state));
  if (hadFocus) app.querySelector("button")?.focus();
}

/** The page for each status of the session. */
function pageFor(state: SessionState<DefaultClaims>): HTMLElement[] {
  const { error, endReason } = state;
  // An outage ends no session: the page stays.
  const outage = error === null ? [] : [warning("status", "Your session cannot be checked right now. Trying again …")];
  switch (state.status) {
    case "unknown":
      return error === null ? [status("Loading …")] : outage;
    case "anonymous":
      return [
        element("h1", "{{name}}"),
        ...(endReason === null ? [] : [warning("status", "Your session has ended. Please log in again.")]),
        element("p", "You are not logged in."),
        ...outage,
        button("Log in", () => client.login()),
      ];
    case "authenticated":
      return [
        element("h1", `Hello, ${state.user.name ?? state.user.preferred_username ?? state.user.sub}`),
        element(
          "p",
          "This browser holds a session cookie that scripts cannot read. The gateway holds the tokens. Edit src/main.ts and stay logged in.",
        ),
        details({
          "User id": state.user.sub,
          Email: state.user.email,
          Roles: state.user.roles?.join(", "),
          "Session ends":
            state.endsAtMs === null ? undefined : `${timeFormat.format(state.endsAtMs)}, unless you use it`,
        }),
        ...outage,
        ...(state.logout.kind === "failed"
          ? [warning("alert", "You may still be logged in: the gateway did not confirm the logout. Please try again.")]
          : []),
        button("Log out", () => void client.logout(), state.logout.kind === "pending"),
      ];
  }
}

function element(name: "h1" | "p" | "dt" | "dd", text: string): HTMLElement {
  const created = document.createElement(name);
  created.textContent = text;
  return created;
}

function status(text: string): HTMLElement {
  const created = element("p", text);
  created.role = "status";
  return created;
}

function warning(role: "status" | "alert", text: string): HTMLElement {
  const created = element("p", text);
  created.role = role;
  created.className = "warning";
  return created;
}

function button(text: string, onClick: () => void, isDisabled = false): HTMLElement {
  const created = document.createElement("button");
  created.type = "button";
  created.textContent = text;
  created.disabled = isDisabled;
  created.addEventListener("click", onClick);
  return created;
}

/** Members without a value are left out. */
function details(members: Readonly<Record<string, string | undefined>>): HTMLElement {
  const list = document.createElement("dl");
  for (const [name, value] of Object.entries(members))
    if (value !== undefined && value !== "") list.append(element("dt", name), element("dd", value));
  return list;
}

client.subscribe(() => render(client.getState()));
render(client.getState());
void client.start();
