// main.ts
import { client } from "./session.ts";

client.start();
client.subscribe(show);
show();

function show(): void {
  const state = client.getState();
  switch (state.status) {
    case "unknown":
      document.title = state.error === null ? "Loading" : "Your session cannot be checked right now";
      break;
    case "anonymous":
      document.title = state.endReason === null ? "Welcome" : `Please log in again (${state.endReason})`;
      break;
    case "authenticated":
      document.title = `Hello ${state.user.name ?? state.user.sub}`;
  }
}

document.querySelector("#log-in")?.addEventListener("click", () => client.login());
document.querySelector("#log-out")?.addEventListener("click", () => void logOut());

async function logOut(): Promise<void> {
  const failure = await client.logout();
  if (failure !== null) document.title = "You may still be logged in. Try again.";
}
