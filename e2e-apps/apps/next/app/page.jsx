import { currentUser } from "./api.js";
import { Count } from "./count.jsx";

export default async function Home() {
  const user = await currentUser();
  return (
    <main>
      <h1>Next.js</h1>
      <p>{user === undefined ? "Anonymous" : `Hello ${user}`}</p>
      <p id="edited">first text</p>
      <Count />
      <a href="/bff/login?returnTo=/orders">Log in</a>
      <form method="post" action="/bff/logout">
        <button>Log out</button>
      </form>
    </main>
  );
}
