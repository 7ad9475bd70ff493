import { Suspense } from "react";
import { Await, Form } from "react-router";
import { currentUser } from "../api.server.js";

export async function loader({ request }) {
  return {
    user: await currentUser(request),
    slow: new Promise((resolve) => setTimeout(() => resolve("streamed"), 1_500)),
  };
}

export async function action({ request }) {
  const form = await request.formData();
  return { saved: `${form.get("item")} for ${await currentUser(request)}` };
}

export default function Orders({ loaderData, actionData }) {
  return (
    <main>
      <h1>Orders of {loaderData.user ?? "no user"}</h1>
      <Suspense fallback={<p>waiting</p>}>
        <Await resolve={loaderData.slow}>{(text) => <p>Slow part: {text}</p>}</Await>
      </Suspense>
      <Form method="post">
        <label>
          Item <input name="item" />
        </label>
        <button>Order</button>
      </Form>
      {actionData && <p>Ordered {actionData.saved}</p>}
      <form method="post" action="/bff/logout">
        <button>Log out</button>
      </form>
    </main>
  );
}
