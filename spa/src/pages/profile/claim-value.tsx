// The value of one claim: text, list or JSON.
import { IsolatedText } from "../../components/isolated-text.tsx";

const maxShown = 12;

export function ClaimValue({ value }: { readonly value: unknown }) {
  if (Array.isArray(value)) return <ClaimList values={value} />;
  if (typeof value === "string")
    return value === "" ? <span className="quiet">empty</span> : <IsolatedText>{value}</IsolatedText>;
  return <code>{JSON.stringify(value)}</code>;
}

function ClaimList({ values }: { readonly values: readonly unknown[] }) {
  if (values.length === 0) return <span className="quiet">none</span>;
  const rest = values.slice(maxShown);
  return (
    <>
      <Tags values={values.slice(0, maxShown)} />
      {rest.length > 0 && (
        <details className="more">
          <summary>{rest.length} more</summary>
          <Tags values={rest} />
        </details>
      )}
    </>
  );
}

function Tags({ values }: { readonly values: readonly unknown[] }) {
  return (
    <ul className="tags">
      {values.map((value, index) => (
        <li key={index}>
          <IsolatedText>{typeof value === "string" ? value : JSON.stringify(value)}</IsolatedText>
        </li>
      ))}
    </ul>
  );
}
