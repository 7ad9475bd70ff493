// note-action.tsx
import { createClient } from "@cloakroom/client";
import { sessionAction } from "@cloakroom/react/router";
import { Form, useActionData } from "react-router";

const client = createClient();

export const action = sessionAction(
  client,
  async ({ request }) => {
    const form = await request.formData();
    return client.request<{ id: string }>("/api/notes", {
      method: "POST",
      body: JSON.stringify({ text: form.get("text") }),
      signal: request.signal,
    });
  },
  // A login that the request needs starts at once; client.takeDraft() returns this value afterwards.
  { draft: (form) => form.get("text") },
);

export function NewNote() {
  const result = useActionData<typeof action>();
  return (
    <Form method="post">
      <textarea name="text" aria-label="Note" />
      <button type="submit">Save</button>
      {result?.kind === "ok" && <p>Saved as {result.value.id}.</p>}
      {result?.kind === "session_changed" && <p>You have logged in again meanwhile. Submit once more.</p>}
      {result?.kind === "problem" && <p>{result.problem.title}</p>}
    </Form>
  );
}
