// Leak search of a test: "no token in anything that this browser saw". Records browser contexts, and searches on demand.
import type { BrowserContext } from "@playwright/test";
import type { ProviderControl } from "../provider/control.ts";
import { recordContext, recordedExchanges, textsOfRecord, type BrowserRecord } from "./browser-recorder.ts";
import { textsOfContext, textsOfPage } from "./browser-state.ts";
import { sessionIdsOf, textsOfExchange, type Exchange, type SearchedText } from "./exchange.ts";
import { createSearch, type Leak } from "./search.ts";
import { secretsOf, SESSION_COOKIE, type Secret } from "./secrets.ts";

export type LeakReport = {
  leaks: Leak[];
  /** Responses whose body the browser did not keep, so that only their headers or nothing was searched. */
  unread: string[];
  /** Numbers of secrets and texts, so that a search of nothing is noticed. */
  searched: { secrets: number; texts: number };
};

export type LeakWatch = {
  /** Records this context from now on. Its pages must be open at the search to be searched. */
  watch(context: BrowserContext): void;
  search(): Promise<LeakReport>;
  /** @throws Error with every leak and its location; also if the provider has issued no token yet */
  expectNoLeak(): Promise<void>;
};

export type LeakWatchOptions = {
  /** Origin of the gateway. */
  origin: string;
  provider: Pick<ProviderControl, "issuer" | "issuedTokens">;
  /** Further secrets, such as the gateway's SECRET_KEYS. */
  secrets?: readonly Secret[];
  /** What a recording proxy in front of the gateway has recorded. Without it, the browsers' events are used. */
  exchanges?: readonly Exchange[];
};

type Watched = { context: BrowserContext; record: BrowserRecord };

export function createLeakWatch({ origin, provider, secrets = [], exchanges }: LeakWatchOptions): LeakWatch {
  const watched: Watched[] = [];
  const firstExchange = exchanges?.length ?? 0;
  const issuer = new URL(provider.issuer).origin;
  /** The pages of the provider carry codes and the ID token hint by design. */
  const recordsResponse = (url: string): boolean =>
    /^https?:/.test(url) && ![issuer, exchanges === undefined ? "" : origin].includes(new URL(url).origin);

  const search = async (): Promise<LeakReport> => {
    const recorded = await Promise.all(watched.map(({ record }) => recordedExchanges(record)));
    const all = [...(exchanges?.slice(firstExchange) ?? []), ...recorded.flatMap((each) => each.exchanges)];
    const known = [
      ...secretsOf(await provider.issuedTokens()),
      ...secrets,
      ...sessionIdsOf([...(exchanges ?? []), ...all]),
      ...(await Promise.all(watched.map(({ context }) => sessionIdsIn(context)))).flat(),
    ];
    const texts: SearchedText[] = all.flatMap((exchange) => textsOfExchange(exchange, known));
    for (const { context, record } of watched) {
      texts.push(...(await textsOfRecord(record, origin)), ...(await textsOfContext(context)));
      for (const page of context.pages()) texts.push(...(await textsOfPage(page, origin)));
    }
    const unread = recorded.flatMap((each) => each.unread);
    const leaks = withoutDuplicates(texts.flatMap(createSearch(known)));
    return { leaks, unread, searched: { secrets: known.length, texts: texts.length } };
  };

  return {
    watch: (context) => void watched.push({ context, record: recordContext(context, { recordsResponse, origin }) }),
    search,
    async expectNoLeak() {
      const { accessTokens } = await provider.issuedTokens();
      if (accessTokens.length === 0)
        throw new Error("The provider has issued no token: log in before the leak search.");
      const { leaks } = await search();
      if (leaks.length > 0) throw new Error(describeLeaks(leaks));
    },
  };
}

async function sessionIdsIn(context: BrowserContext): Promise<Secret[]> {
  const cookies = await context.cookies();
  return cookies
    .filter(({ name }) => name === SESSION_COOKIE)
    .map(({ value }) => ({ kind: "session id", text: value }));
}

function withoutDuplicates(leaks: readonly Leak[]): Leak[] {
  return [...new Map(leaks.map((leak) => [JSON.stringify(leak), leak])).values()];
}

function describeLeaks(leaks: readonly Leak[]): string {
  const lines = leaks.map(({ kind, location, form }) => `  ${kind} in ${location} (${form})`);
  return [`The browser has seen ${leaks.length === 1 ? "a secret" : "secrets"}:`, ...lines].join("\n");
}
