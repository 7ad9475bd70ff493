// What is typed on the call page, kept for the return path of a login in between.
import { useEffect, useState } from "react";
import { useLocation, useSearchParams } from "react-router";
import { keepTyped, typedAt } from "../../session/typed-text.ts";
import { type ResourceName, resourceNameOf, usualResource } from "./resources.ts";

export interface TypedCall {
  readonly message: string;
  readonly resource: ResourceName;
  readonly setMessage: (message: string) => void;
  readonly setResource: (resource: ResourceName) => void;
}

/** The usual resource goes without saying: the address that a login leads back to stays short. */
function returnFields({ message, resource }: { message: string; resource: ResourceName }): Record<string, string> {
  return resource === usualResource ? { message } : { message, resource };
}

/** What is typed outlives this component, so that it can go into the return path of a login. */
export function useTypedCall(): TypedCall {
  const { pathname } = useLocation();
  const [query] = useSearchParams();
  const [fields, setFields] = useState(() => ({
    message: typedAt(pathname)?.["message"] ?? query.get("message") ?? "probe",
    resource: resourceNameOf(typedAt(pathname)?.["resource"] ?? query.get("resource") ?? ""),
  }));
  const [isTouched, setIsTouched] = useState(false);
  useEffect(() => {
    if (isTouched) keepTyped({ pathname, fields: returnFields(fields) });
  }, [pathname, fields, isTouched]);
  function change(next: Partial<typeof fields>): void {
    setIsTouched(true);
    setFields((before) => ({ ...before, ...next }));
  }
  return {
    ...fields,
    setMessage: (message: string) => change({ message }),
    setResource: (resource: ResourceName) => change({ resource }),
  };
}
