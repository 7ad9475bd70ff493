"use client";
import { useSession, useSessionClient } from "@cloakroom/react";
import { useState } from "react";

export default function Home() {
  const session = useSession();
  const client = useSessionClient();
  const [text, setText] = useState("");
  if (session.status === "anonymous") return <a href={session.loginUrl()}>Log in</a>;
  if (session.status !== "authenticated") return <p>Loading …</p>;

  const callApi = async () => {
    const response = await client.fetch("/api/hello");
    setText(response.ok ? `The API greets ${(await response.json()).hello}` : `Status ${response.status}`);
  };
  return (
    <main>
      <p>Hello {session.user.name}</p>
      <button onClick={() => void callApi()}>Call the API</button>
      <p role="status">{text}</p>
      <button onClick={() => void session.logout()}>Log out</button>
    </main>
  );
}
