import { useSession, useSessionClient } from "@cloakroom/react";
import { useState } from "react";

export function App() {
  const session = useSession();
  switch (session.status) {
    case "loading":
      return <p>Loading …</p>;
    case "unavailable":
      return <p>The server does not respond. Trying again …</p>;
    case "anonymous":
      return <a href={session.loginUrl()}>Log in</a>;
    case "authenticated":
      return (
        <main>
          <p>Hello {session.user.name}</p>
          <Greeting />
          <button onClick={() => void session.logout()}>Log out</button>
        </main>
      );
  }
}

function Greeting() {
  const client = useSessionClient();
  const [text, setText] = useState("");
  const callApi = async () => {
    // fetch, with what the gateway requires of requests that this app sends.
    const response = await client.fetch("/api/hello");
    setText(response.ok ? `The API greets ${(await response.json()).hello}` : `Status ${response.status}`);
  };
  return (
    <>
      <button onClick={() => void callApi()}>Call the API</button>
      <p role="status">{text}</p>
    </>
  );
}
