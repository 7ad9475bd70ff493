// Results of the search: a summary in one sentence, and the content of every place.
import type { Place } from "./inspect-browser.ts";

const verdictTexts = { clean: "No token", token: "Looks like a token", unavailable: "Not checked" } as const;

export function resultText(places: readonly Place[]): string {
  const count = (verdict: Place["verdict"]) => places.filter((place) => place.verdict === verdict).length;
  const searched = places.length - count("unavailable");
  const rest = count("unavailable") === 0 ? "" : ` ${count("unavailable")} could not be checked.`;
  if (count("token") > 0)
    return `Something that looks like a token is in ${placesText(count("token"))} of ${searched}.${rest}`;
  return `No token found in ${placesText(searched)}.${rest}`;
}

function placesText(count: number): string {
  return count === 1 ? "1 place" : `${count} places`;
}

export function PlaceList({ places }: { readonly places: readonly Place[] }) {
  return (
    <ul className="places">
      {places.map((place) => (
        <li key={place.name} className={`place place-${place.verdict}`}>
          <h3>{place.name}</h3>
          <p className="verdict">{verdictTexts[place.verdict]}</p>
          {place.entries.length === 0 ? (
            <p className="quiet">{place.note}</p>
          ) : (
            <dl className="place-entries">
              {place.entries.map(([name, value], index) => (
                <div key={index}>
                  <dt>{name}</dt>
                  <dd>{value === "" ? <span className="quiet">empty</span> : value}</dd>
                </div>
              ))}
            </dl>
          )}
        </li>
      ))}
    </ul>
  );
}
