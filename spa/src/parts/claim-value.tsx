// One claim's value, whatever its shape and length.
import { Name } from "./name.tsx";

const shownAtFirst = 12;

export function ClaimValue({ value }: { readonly value: unknown }) {
  if (Array.isArray(value)) return <ClaimList values={value} />;
  if (typeof value === "string") return value === "" ? <span className="quiet">empty</span> : <Name>{value}</Name>;
  return <code>{JSON.stringify(value)}</code>;
}

function ClaimList({ values }: { readonly values: readonly unknown[] }) {
  if (values.length === 0) return <span className="quiet">none</span>;
  const rest = values.slice(shownAtFirst);
  return (
    <>
      <Tags values={values.slice(0, shownAtFirst)} />
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
          <Name>{typeof value === "string" ? value : JSON.stringify(value)}</Name>
        </li>
      ))}
    </ul>
  );
}
