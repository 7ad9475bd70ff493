// The members of `window` that a client uses. A server has none of them.

export interface PageWindow {
  readonly location: Pick<Location, "assign" | "href" | "origin" | "pathname" | "reload" | "replace">;
  readonly history: Pick<History, "replaceState" | "state">;
  readonly document: Pick<Document, "baseURI" | "visibilityState"> & { readonly prerendering?: boolean };
  readonly sessionStorage: Pick<Storage, "getItem" | "removeItem" | "setItem">;
  /** Without locks the tab receives no events of the gateway and relies on checks. */
  readonly navigator: { readonly locks?: Pick<LockManager, "request"> };
  readonly BroadcastChannel?: new (name: string) => BroadcastChannel;
  readonly EventSource: new (url: string) => EventSource;
  readonly addEventListener: EventTarget["addEventListener"];
}
