// How a login works, and a search for tokens in everything that scripts of this origin can read.
import { useEffect, useState } from "react";
import { FlowDiagram } from "./under-the-hood/flow-diagram.tsx";
import { PlaceList, resultText } from "./under-the-hood/place-list.tsx";
import { type Place, inspectBrowser } from "./under-the-hood/inspect-browser.ts";
import { Loading } from "../components/loading.tsx";
import { Page } from "../components/page.tsx";
import { formatTimeWithSeconds } from "../components/format-time.ts";
import { useSession } from "../session/session.ts";

export function UnderTheHood() {
  const { status } = useSession();
  return (
    <Page
      heading="Under the hood"
      title="Under the hood"
      lead="Where the tokens travel, and what this browser can see of them."
      className="under-the-hood"
    >
      <section aria-labelledby="flow-heading">
        <h2 id="flow-heading">How a login works</h2>
        <FlowDiagram />
      </section>
      <section aria-labelledby="search-heading">
        <h2 id="search-heading">What this browser can see</h2>
        <p>
          A malicious script in this page could read what is listed here, and it could call the API in your name while
          the page is open. It could not steal a token, because there is none. A script of this page has just made the
          list.
        </p>
        {/* The key discards the results when the user logs in or out. */}
        <Search key={status} isLoggedIn={status === "authenticated"} />
      </section>
    </Page>
  );
}

interface Result {
  readonly places: readonly Place[];
  readonly atMs: number;
}

function Search({ isLoggedIn }: { readonly isLoggedIn: boolean }) {
  const [result, setResult] = useState<Result | null>(null);
  const [searchCount, setSearchCount] = useState(1);
  useEffect(() => {
    const abort = new AbortController();
    void inspectBrowser(abort.signal).then((places) => {
      if (!abort.signal.aborted) setResult({ places, atMs: Date.now() });
    });
    return () => abort.abort();
  }, [searchCount]);

  if (result === null) return <Loading what="the search" />;
  const hasToken = result.places.some((place) => place.verdict === "token");
  return (
    <>
      <div className={`result ${hasToken ? "result-bad" : ""}`}>
        <output className="result-text">{resultText(result.places)}</output>
        <p>
          Searched at {formatTimeWithSeconds(result.atMs)}
          {isLoggedIn ? ", while logged in." : ", while not logged in."}
        </p>
        <button type="button" className="button" onClick={() => setSearchCount(searchCount + 1)}>
          Look again
        </button>
      </div>
      <PlaceList places={result.places} />
    </>
  );
}
