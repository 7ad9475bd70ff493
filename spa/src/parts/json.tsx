// Formatted JSON. A long line wraps below its own start, so that the structure stays readable.
import { visibleJson } from "../server/plain-text.ts";

const member = /^(\s*)("(?:[^"\\]|\\.)*")(: )(.*)$/su;

export function Json({ value }: { readonly value: unknown }) {
  return (
    <pre className="body">
      {visibleJson(value)
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
