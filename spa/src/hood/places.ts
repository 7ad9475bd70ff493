// Every place where a script of this origin could find a token, looked at here and now.
import { api, gateway } from "../paths.ts";
import { getVisible } from "../server/api.ts";
import { searchGlobals } from "./globals.ts";
import { userLocales } from "../parts/user-locales.ts";
import { looksLikeToken } from "./token-pattern.ts";

export interface Place {
  readonly name: string;
  readonly entries: readonly (readonly [name: string, value: string])[];
  /** What an empty list means, or why it could not be looked at. */
  readonly note: string;
  readonly verdict: "clean" | "token" | "unseen";
}

export async function inspectBrowser(signal: AbortSignal): Promise<readonly Place[]> {
  const [databases, caches, user, echo] = await Promise.all([
    namesOf("IndexedDB", () => indexedDB.databases()),
    namesOf("Cache storage", async () => (await window.caches.keys()).map((name) => ({ name }))),
    answerPlaces(gateway.user, signal),
    answerPlaces(api.echo, signal),
  ]);
  return [
    place("Cookies that script can read", cookieEntries(), "document.cookie is empty: the session cookie is HttpOnly."),
    storagePlace("Local storage", () => window.localStorage),
    storagePlace("Session storage", () => window.sessionStorage),
    databases,
    caches,
    place("Address and history", [
      ["address", window.location.href],
      ["history.state", JSON.stringify(window.history.state)],
      ["window.name", window.name],
    ]),
    place("Addresses this page has asked for", requestedAddresses()),
    globalsPlace(),
    ...user,
    ...echo,
  ];
}

function place(name: string, entries: Place["entries"], note = ""): Place {
  const hasToken = entries.some(([key, value]) => looksLikeToken(value) || looksLikeToken(`${key}=${value}`));
  return { name, entries, note, verdict: hasToken ? "token" : "clean" };
}

function unseen(name: string, note: string): Place {
  return { name, entries: [], note, verdict: "unseen" };
}

function cookieEntries(): [string, string][] {
  if (document.cookie === "") return [];
  return document.cookie.split("; ").map((cookie) => {
    const [name = "", ...value] = cookie.split("=");
    return [name, value.join("=")];
  });
}

function storagePlace(name: string, storage: () => Storage): Place {
  try {
    return place(name, Object.entries(storage()), "Empty.");
  } catch {
    return unseen(name, "This browser does not let pages use it.");
  }
}

async function namesOf(name: string, list: () => Promise<{ name?: string }[]>): Promise<Place> {
  try {
    const entries = (await list()).map((item): [string, string] => ["name", item.name ?? "unnamed"]);
    return place(name, entries, "Empty.");
  } catch {
    return unseen(name, "This browser does not let pages look.");
  }
}

function requestedAddresses(): [string, string][] {
  const addresses = performance.getEntriesByType("resource").map((entry) => entry.name);
  return [...new Set(addresses)].map((address) => ["requested", address]);
}

function globalsPlace(): Place {
  const { lookedAt, suspects } = searchGlobals(window);
  return place(
    "Variables of this page",
    suspects,
    `${lookedAt.toLocaleString(userLocales(navigator.languages))} values looked at, none looks like a token.`,
  );
}

async function answerPlaces(path: string, signal: AbortSignal): Promise<[Place, Place]> {
  const [headers, body] = [`Headers of GET ${path}`, `Body of GET ${path}`];
  const outcome = await getVisible(path, signal);
  if (outcome.kind !== "ok") {
    const note = "No answer came, so there was nothing to look at.";
    return [unseen(headers, note), unseen(body, note)];
  }
  const status: [string, string] = ["status", String(outcome.value.status)];
  return [place(headers, [status, ...outcome.value.headers]), place(body, [["text", outcome.value.body]])];
}
