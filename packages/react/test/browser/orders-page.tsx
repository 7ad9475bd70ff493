// The lazy route of router-page.tsx.
import { useLoaderData } from "react-router";

export function Orders() {
  return <p>{`orders for ${useLoaderData<string>()}`}</p>;
}
