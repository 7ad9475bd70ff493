// Fields of the call form: from the draft, else from the URL. Changes become the draft, which a login keeps.
import { useEffect, useState } from "react";
import { useLocation, useSearchParams } from "react-router";
import { draftFor, saveDraft } from "../../session/form-draft.ts";
import { type ResourceName, defaultResource, parseResourceName } from "./resources.ts";

export interface CallDraft {
  readonly message: string;
  readonly resource: ResourceName;
  readonly setMessage: (message: string) => void;
  readonly setResource: (resource: ResourceName) => void;
}

/** Omits the default resource, which keeps the return path short. */
function draftFields({ message, resource }: { message: string; resource: ResourceName }): Record<string, string> {
  return resource === defaultResource ? { message } : { message, resource };
}

export function useCallDraft(): CallDraft {
  const { pathname } = useLocation();
  const [query] = useSearchParams();
  const [fields, setFields] = useState(() => ({
    message: draftFor(pathname)?.["message"] ?? query.get("message") ?? "probe",
    resource: parseResourceName(draftFor(pathname)?.["resource"] ?? query.get("resource") ?? ""),
  }));
  const [isChanged, setIsChanged] = useState(false);
  useEffect(() => {
    if (isChanged) saveDraft({ pathname, fields: draftFields(fields) });
  }, [pathname, fields, isChanged]);
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
