import { createClient } from "@cloakroom/client";

const client = createClient();
const element = (selector) => document.querySelector(selector);

function render() {
  const { status, user } = client.getState();
  element("#login").hidden = status !== "anonymous";
  element("main").hidden = status !== "authenticated";
  element("#name").textContent = user?.name ?? "";
}

async function callApi() {
  const response = await client.fetch("/api/hello");
  element("#greeting").textContent = response.ok
    ? `The API greets ${(await response.json()).hello}`
    : `Status ${response.status}`;
}

element("#login").addEventListener("click", (event) => {
  event.preventDefault();
  client.login();
});
element("#call").addEventListener("click", callApi);
element("#logout").addEventListener("click", () => client.logout());
client.subscribe(render);
client.start();
