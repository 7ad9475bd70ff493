// Fields of the call form, from the draft or the URL. Changes become the draft of the user of this page.
import { useEffect, useState } from "react";
import { type Path, useLocation, useSearchParams } from "react-router";
import { draftFor, draftOwnerParam, draftOwnerTag, saveDraft } from "../../session/form-draft.ts";
import { type ResourceName, parseResourceName } from "./resources.ts";

export interface CallDraft {
  readonly message: string;
  readonly resource: ResourceName;
  readonly setMessage: (message: string) => void;
  readonly setResource: (resource: ResourceName) => void;
}

/** Removes the draft from a URL. */
export function withoutCallDraft({ pathname, search }: Path): Partial<Path> {
  const query = new URLSearchParams(search);
  for (const name of ["message", "resource", draftOwnerParam]) query.delete(name);
  return { pathname, search: query.toString() };
}

/** @param ownerSub the user of this page, to whom the draft belongs */
export function useCallDraft(ownerSub: string): CallDraft {
  const { pathname } = useLocation();
  const [query] = useSearchParams();
  const [fields, setFields] = useState(() => ({
    message: draftFor(pathname)?.["message"] ?? query.get("message") ?? "probe",
    resource: parseResourceName(draftFor(pathname)?.["resource"] ?? query.get("resource") ?? ""),
  }));
  const [isChanged, setIsChanged] = useState(false);
  useEffect(() => {
    if (isChanged) saveDraft({ pathname, fields: { ...fields, [draftOwnerParam]: draftOwnerTag(ownerSub) } });
  }, [pathname, fields, isChanged, ownerSub]);
  function change(next: Partial<typeof fields>): void {
    setIsChanged(true);
    setFields((before) => ({ ...before, ...next }));
  }
  return {
    ...fields,
    setMessage: (message: string) => change({ message }),
    setResource: (resource: ResourceName) => change({ resource }),
  };
}
