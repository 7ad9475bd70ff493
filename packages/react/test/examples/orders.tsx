// orders.tsx
import { useLoaderData } from "react-router";

export function Order() {
  const { order, buyer } = useLoaderData<{ order: string; buyer: string }>();
  return (
    <p>
      Order {order} of {buyer}
    </p>
  );
}
