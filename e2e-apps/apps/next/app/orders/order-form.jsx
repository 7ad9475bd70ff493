"use client";
import { useActionState } from "react";
import { order } from "./actions.js";

export function OrderForm() {
  const [saved, submit] = useActionState(order, undefined);
  return (
    <>
      <form action={submit}>
        <label>
          Item <input name="item" />
        </label>
        <button>Order</button>
      </form>
      {saved && <p>Ordered {saved}</p>}
    </>
  );
}
