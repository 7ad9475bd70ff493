// Listeners of the host for the end of a session. They outlive the services of an application, which `apply` replaces: a
// stream of the host must end with its session under every configuration (I2).
import type { Log } from "../logging/log.ts";
import type { Services } from "../services.ts";
import type { EndReason, SessionKey } from "../store/store.ts";

/** `application_removed`, `gateway_closed`: the end of the session could not be noticed any more. */
type Reason = EndReason | "application_removed" | "gateway_closed";
type Listener = (reason: Reason) => void;

/** The parts of an application's services that are used. */
type Watching = Pick<Services, "liveConnections">;

type Watch = {
  applicationId: string;
  key: SessionKey;
  services: Watching | undefined;
  /** Removes the listener from `services`. */
  remove: () => void;
  end: Listener;
};

export type SessionEnds = {
  /** Calls `listener` once. @returns a function that removes it */
  add(applicationId: string, key: SessionKey, listener: Listener): () => void;
  /** Moves all listeners to the current services. */
  renew(): void;
  /** Calls all listeners, also later ones. */
  close(): void;
};

type Dependencies = {
  /** The current services of an application; undefined once it is removed. */
  servicesOf: (applicationId: string) => Watching | undefined;
  log: Pick<Log, "error">;
};

export function createSessionEnds({ servicesOf, log }: Dependencies): SessionEnds {
  const watches = new Set<Watch>();
  let isClosed = false;

  const watch = (each: Watch): void => {
    const services = isClosed ? undefined : servicesOf(each.applicationId);
    if (services === each.services && services !== undefined) return;
    each.remove();
    each.services = services;
    if (services === undefined) each.end(isClosed ? "gateway_closed" : "application_removed");
    else each.remove = services.liveConnections.add(each.key, each.end);
  };
  return {
    add(applicationId, key, listener) {
      const remove = (): void => {
        watches.delete(added);
        added.remove();
      };
      const end = (reason: Reason): void => {
        if (!watches.delete(added)) return;
        try {
          listener(reason);
        } catch (error) {
          // A fault of one listener must not keep the streams of the others open.
          log.error("a listener of onEnd failed", { error });
        }
      };
      const added: Watch = { applicationId, key, services: undefined, remove: () => undefined, end };
      watches.add(added);
      // Not before the caller has the function that it returns.
      queueMicrotask(() => watches.has(added) && watch(added));
      return remove;
    },
    renew: () => watches.forEach(watch),
    close() {
      isClosed = true;
      watches.forEach(watch);
    },
  };
}
