// Searches every place where a script of this origin could find a token.
import { api, gateway } from "../../paths.ts";
import { fetchRaw } from "../../server/api.ts";
import { searchGlobals } from "./search-globals.ts";
import { userLocales } from "../../components/user-locales.ts";
import { looksLikeToken } from "./token-pattern.ts";

export interface Place {
  readonly name: string;
  readonly entries: readonly (readonly [name: string, value: string])[];
  /** Shown instead of an empty list. */
  readonly note: string;
  readonly verdict: "clean" | "token" | "unavailable";
}

export async function inspectBrowser(signal: AbortSignal): Promise<readonly Place[]> {
  const [databases, caches, user, echo] = await Promise.all([
    listNames("IndexedDB", () => indexedDB.databases()),
    listNames("Cache storage", async () => (await window.caches.keys()).map((name) => ({ name }))),
    responsePlaces(gateway.user, signal),
    responsePlaces(api.echo, signal),
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
    place("URLs this page has requested", requestedUrls()),
    globalsPlace(),
    ...user,
    ...echo,
  ];
}

function place(name: string, entries: Place["entries"], note = ""): Place {
  const hasToken = entries.some(([key, value]) => looksLikeToken(value) || looksLikeToken(`${key}=${value}`));
  return { name, entries, note, verdict: hasToken ? "token" : "clean" };
}

function unavailable(name: string, note: string): Place {
  return { name, entries: [], note, verdict: "unavailable" };
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
    return unavailable(name, "This browser does not give pages access to it.");
  }
}

async function listNames(name: string, list: () => Promise<{ name?: string }[]>): Promise<Place> {
  try {
    const entries = (await list()).map((item): [string, string] => ["name", item.name ?? "unnamed"]);
    return place(name, entries, "Empty.");
  } catch {
    return unavailable(name, "This browser does not give pages access to it.");
  }
}

function requestedUrls(): [string, string][] {
  const urls = performance.getEntriesByType("resource").map((entry) => entry.name);
  return [...new Set(urls)].map((url) => ["requested", url]);
}

function globalsPlace(): Place {
  const { searchedCount, suspects } = searchGlobals(window);
  return place(
    "Variables of this page",
    suspects,
    `${searchedCount.toLocaleString(userLocales(navigator.languages))} values searched, none looks like a token.`,
  );
}

async function responsePlaces(path: string, signal: AbortSignal): Promise<[Place, Place]> {
  const [headers, body] = [`Headers of GET ${path}`, `Body of GET ${path}`];
  try {
    const response = await fetchRaw(path, signal);
    const status: [string, string] = ["status", String(response.status)];
    return [place(headers, [status, ...response.headers]), place(body, [["text", response.body]])];
  } catch {
    const note = "No response was received.";
    return [unavailable(headers, note), unavailable(body, note)];
  }
}
