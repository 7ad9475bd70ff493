// Without a library: what the gateway requires of requests that this page sends.
const element = (selector) => document.querySelector(selector);
const get = (path, handle) =>
  fetch(path, { headers: { "X-CSRF": "1", ...(handle ? { "X-Session-Handle": handle } : {}) } });

const { user, session } = await (await get("/bff/user")).json();
element("a").hidden = user !== null;
element("main").hidden = user === null;
element("#name").textContent = user?.name ?? "";

element("#call").addEventListener("click", async () => {
  const response = await get("/api/hello", session.id);
  element("#greeting").textContent = response.ok
    ? `The API greets ${(await response.json()).hello}`
    : `Status ${response.status}`;
});
