// Makes a call once more when a login in between has led back here, and takes the number of it out of the address.
import { useEffect, useEffectEvent } from "react";
import { useSearchParams } from "react-router";
import { repeatField, takeRepeat } from "./repeat-once.ts";

export function useRepeatAfterLogin(send: () => void): void {
  const [query, setQuery] = useSearchParams();
  const number = query.get(repeatField);
  const arrive = useEffectEvent((planned: string) => {
    const rest = new URLSearchParams(query);
    rest.delete(repeatField);
    setQuery(rest, { replace: true });
    if (takeRepeat(planned)) send();
  });
  useEffect(() => {
    if (number === null) return;
    // Not in the effect itself: React may run it twice, and between the two it ends what the first one began.
    const timer = setTimeout(() => arrive(number));
    return () => clearTimeout(timer);
  }, [number]);
}
