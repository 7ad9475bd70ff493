// Indented JSON. A wrapped line keeps the indentation of its first line.
import { formatJson } from "../server/sanitize-text.ts";

const member = /^(\s*)("(?:[^"\\]|\\.)*")(: )(.*)$/su;

export function Json({ value }: { readonly value: unknown }) {
  return (
    <pre className="body">
      {formatJson(value)
        .split("\n")
        .map((line, index) => (
          <Line key={index} line={line} />
        ))}
    </pre>
  );
}

function Line({ line }: { readonly line: string }) {
  const [, , name, colon, rest] = member.exec(line) ?? [];
  const indent = line.length - line.trimStart().length;
  return (
    <span className="json-line" style={{ paddingInlineStart: `${indent + 2}ch` }}>
      {name === undefined ? (
        line.trimStart()
      ) : (
        <>
          <span className="json-name">{name}</span>
          {colon}
          {rest}
        </>
      )}
      {"\n"}
    </span>
  );
}
