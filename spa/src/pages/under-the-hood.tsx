// The proof: how a login travels, and a search of this very browser for tokens.
import { useEffect, useState } from "react";
import { FlowPicture } from "../hood/flow-picture.tsx";
import { PlaceList, resultText } from "../hood/place-list.tsx";
import { type Place, inspectBrowser } from "../hood/places.ts";
import { Page } from "../parts/page.tsx";
import { secondText } from "../parts/times.ts";
import { Waiting } from "../parts/waiting.tsx";
import { useSession } from "../session/session.ts";

export function UnderTheHood() {
  const { who } = useSession();
  return (
    <Page
      heading="Under the hood"
      title="Under the hood"
      lead="Where the tokens travel, and what this browser can see of them."
      className="under-the-hood"
    >
      <section aria-labelledby="flow-heading">
        <h2 id="flow-heading">How a login works</h2>
        <FlowPicture />
      </section>
      <section aria-labelledby="search-heading">
        <h2 id="search-heading">What this browser can see</h2>
        <p>
          A malicious script in this page could read what is listed here, and it could call the API in your name while
          the page is open. It could not steal a token, because there is none. A script of this page has just made the
          list.
        </p>
        {/* The key: what was found for one person is not shown to the next. */}
        <Search key={who.kind} isLoggedIn={who.kind === "user"} />
      </section>
    </Page>
  );
}

interface Finding {
  readonly places: readonly Place[];
  readonly atMs: number;
}

function Search({ isLoggedIn }: { readonly isLoggedIn: boolean }) {
  const [finding, setFinding] = useState<Finding | null>(null);
  const [turn, setTurn] = useState(1);
  useEffect(() => {
    const leaving = new AbortController();
    void inspectBrowser(leaving.signal).then((places) => {
      if (!leaving.signal.aborted) setFinding({ places, atMs: Date.now() });
    });
    return () => leaving.abort();
  }, [turn]);

  if (finding === null) return <Waiting what="the search" />;
  const hasToken = finding.places.some((place) => place.verdict === "token");
  return (
    <>
      <div className={`result ${hasToken ? "result-bad" : ""}`}>
        <output className="result-text">{resultText(finding.places)}</output>
        <p>
          Searched at {secondText(finding.atMs)}
          {isLoggedIn ? ", while logged in." : ", while not logged in."}
        </p>
        <button type="button" className="button" onClick={() => setTurn(turn + 1)}>
          Look again
        </button>
      </div>
      <PlaceList places={finding.places} />
    </>
  );
}
