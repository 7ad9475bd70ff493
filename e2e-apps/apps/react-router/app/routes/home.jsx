import { useState } from "react";
import { currentUser } from "../api.server.js";

export async function loader({ request }) {
  return { user: await currentUser(request) };
}

export default function Home({ loaderData }) {
  const [count, setCount] = useState(0);
  return (
    <main>
      <h1>React Router</h1>
      <p>{loaderData.user === undefined ? "Anonymous" : `Hello ${loaderData.user}`}</p>
      <p id="edited">first text</p>
      <button onClick={() => setCount(count + 1)}>Count {count}</button>
      <a href="/bff/login?returnTo=/orders">Log in</a>
      <form method="post" action="/bff/logout">
        <button>Log out</button>
      </form>
    </main>
  );
}
