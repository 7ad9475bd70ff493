import { Suspense } from "react";
import { currentUser } from "../api.js";
import { OrderForm } from "./order-form.jsx";

async function Slow() {
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  return <p>Slow part: streamed</p>;
}

export default async function Orders() {
  return (
    <main>
      <h1>Orders of {(await currentUser()) ?? "no user"}</h1>
      <Suspense fallback={<p>waiting</p>}>
        <Slow />
      </Suspense>
      <OrderForm />
      <form method="post" action="/bff/logout">
        <button>Log out</button>
      </form>
    </main>
  );
}
