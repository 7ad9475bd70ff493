// HTML pages of the provider: forms that work without JavaScript.

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

type Page = { title: string; main: string; autoSubmits?: boolean };

export function page({ title, main, autoSubmits }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Demo provider</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/provider.css">
${autoSubmits === true ? '<script src="/assets/submit.js" defer></script>' : ""}
</head>
<body>
<main>
<p class="origin">Demo OpenID Provider</p>
<h1>${escapeHtml(title)}</h1>
${main}
</main>
</body>
</html>`;
}

const alert = (message: string | undefined): string =>
  message === undefined ? "" : `<p role="alert" id="message">${escapeHtml(message)}</p>`;

type LoginPage = { action: string; clientName: string; username: string; message?: string };

export function loginPage({ action, clientName, username, message }: LoginPage): string {
  const errorAttributes = message === undefined ? "" : ' aria-describedby="message" aria-invalid="true"';
  const [usernameFocus, passwordFocus] = username === "" ? [" autofocus", ""] : ["", " autofocus"];
  return page({
    title: "Log in",
    main: `<p>to continue to <strong>${escapeHtml(clientName)}</strong></p>
${alert(message)}
<form method="post" action="${escapeHtml(action)}/login">
<label for="username">Username</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="200" value="${escapeHtml(username)}"${errorAttributes}${usernameFocus}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="200"${errorAttributes}${passwordFocus}>
<button type="submit">Log in</button>
</form>
${cancelForm(action)}`,
  });
}

type CodePage = { action: string; message?: string };

export function oneTimeCodePage({ action, message }: CodePage): string {
  const errorAttributes = message === undefined ? "" : ' aria-describedby="message" aria-invalid="true"';
  return page({
    title: "One more step",
    main: `<p>Enter the one-time code. In this demo it is always <strong>123456</strong>.</p>
${alert(message)}
<form method="post" action="${escapeHtml(action)}/code">
<label for="code">One-time code</label>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required maxlength="6"${errorAttributes} autofocus>
<button type="submit">Confirm</button>
</form>
${cancelForm(action)}`,
  });
}

type ConsentPage = { action: string; clientName: string; scopes: readonly string[] };

const SCOPE_DESCRIPTIONS: Record<string, string> = {
  openid: "know who you are",
  profile: "see your name, roles and department",
  email: "see your email address",
};

export function consentPage({ action, clientName, scopes }: ConsentPage): string {
  const items = scopes.map((scope) => `<li>${escapeHtml(SCOPE_DESCRIPTIONS[scope] ?? scope)}</li>`);
  return page({
    title: "Allow access?",
    main: `<p><strong>${escapeHtml(clientName)}</strong> would like to:</p>
<ul>${items.join("")}</ul>
<form method="post" action="${escapeHtml(action)}/consent">
<button type="submit">Allow</button>
</form>
${cancelForm(action)}`,
  });
}

const cancelForm = (action: string): string =>
  `<form method="post" action="${escapeHtml(action)}/cancel">
<button type="submit" class="secondary">Cancel</button>
</form>`;

/** @param form the library's form with its CSRF token, without a button */
export function logoutPage(form: string, autoSubmits: boolean): string {
  const inner = form.replace("</form>", '<button type="submit" name="logout" value="yes">Log out</button></form>');
  const stay = autoSubmits
    ? ""
    : '<p><button type="submit" form="op.logoutForm" class="secondary">Stay logged in</button></p>';
  return page({
    title: "Log out?",
    main: `<p>You will be logged out of the demo provider, too.</p>\n${inner}\n${stay}`,
    autoSubmits,
  });
}

export function messagePage(title: string, message: string): string {
  return page({ title, main: `<p>${escapeHtml(message)}</p>` });
}
