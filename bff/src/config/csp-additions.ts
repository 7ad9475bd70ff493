// CSP_ADDITIONS: sources that are added to the default Content-Security-Policy, by directive. Parses the text and checks
// each source against CSP_ALLOW.
import { nearestName } from "./nearest-name.ts";
import { shown } from "./setting-text.ts";
import { CSP_DIRECTIVES, isCspDirective, OTHER_DIRECTIVES, UPGRADE, type CspDirective } from "./csp-directives.ts";
import { risksOf, CSP_RISKS, type CspRisk } from "./csp-risks.ts";
import { parseCspSource, type CspSource } from "./csp-sources.ts";

export type CspAddition =
  | { directive: CspDirective; sources: readonly CspSource[] }
  | { directive: typeof UPGRADE; sources: readonly [] };

type Parsed = { additions: CspAddition[]; faults: string[] };

/** Parses `directive source source; directive source`. Each fault is a predicate of the setting, without a final stop. */
export function parseCspAdditions(text: string): Parsed {
  const result: Parsed = { additions: [], faults: [] };
  for (const part of text.split(";")) {
    const [name = "", ...sources] = part.split(/[\t ]+/).filter((word) => word !== "");
    if (name !== "") readDirective(name, sources, result);
  }
  if (result.additions.length === 0 && result.faults.length === 0) result.faults.push("names no directive");
  return result;
}

function readDirective(written: string, sources: readonly string[], { additions, faults }: Parsed): void {
  const directive = written.toLowerCase();
  if (directive === UPGRADE) {
    if (sources.length > 0) faults.push(`: ${UPGRADE} takes no sources`);
    else additions.push({ directive, sources: [] });
    return;
  }
  if (!isCspDirective(directive)) {
    faults.push(`: ${unknownDirective(written, directive)}`);
    return;
  }
  if (sources.length === 0) faults.push(`: ${directive} names no source, e.g. ${directive} https://cdn.example.com`);
  const parsed = sources.map((source) => ({ text: source, result: parseCspSource(source, directive) }));
  for (const { text, result } of parsed)
    if ("fault" in result) faults.push(`: ${directive} ${shown(text)} ${result.fault}`);
  additions.push({ directive, sources: parsed.flatMap(({ result }) => ("source" in result ? [result.source] : [])) });
}

function unknownDirective(written: string, directive: string): string {
  const other = Object.hasOwn(OTHER_DIRECTIVES, directive) ? OTHER_DIRECTIVES[directive] : undefined;
  if (other !== undefined) return `the directive ${directive} ${other}`;
  if (/^'|^[a-z][a-z0-9+.-]*:/i.test(written))
    return `${shown(written)} stands where a directive is expected, e.g. img-src ${shown(written)}`;
  return `${shown(written)} is not a directive of CSP. Did you mean ${nearestName(directive, CSP_DIRECTIVES).name}?`;
}

/** Rules that involve both settings. @returns one sentence per fault, with the risk that CSP_ALLOW must name */
export function cspAdditionErrors(additions: readonly CspAddition[], allowed: readonly CspRisk[]): string[] {
  return [
    ...additions.flatMap(({ directive, sources }) =>
      directive === UPGRADE ? [] : sources.flatMap((source) => dangers(directive, source, allowed)),
    ),
    ...ineffective(additions),
  ];
}

function dangers(directive: CspDirective, source: CspSource, allowed: readonly CspRisk[]): string[] {
  return risksOf(directive, source)
    .filter((risk) => !allowed.includes(risk))
    .map(
      (risk) =>
        `CSP_ADDITIONS: ${directive} ${source.text} is dangerous: ${CSP_RISKS[risk]}. If the app cannot do without it, add ${risk} to CSP_ALLOW.`,
    );
}

/** Browsers ignore 'unsafe-inline' beside a nonce or hash (CSP3 §6.7.3.2). */
function ineffective(additions: readonly CspAddition[]): string[] {
  const names = new Set(additions.map(({ directive }) => directive));
  return [...names].flatMap((name) => {
    const sources = additions.flatMap(({ directive, sources: own }) => (directive === name ? own : []));
    const isInline = sources.some(({ text }) => text === "'unsafe-inline'");
    const narrower = sources.find(
      ({ kind, text }) => kind === "nonce" || kind === "hash" || text === "'strict-dynamic'",
    );
    return isInline && narrower !== undefined
      ? [`CSP_ADDITIONS: ${name} 'unsafe-inline' has no effect beside ${narrower.text}. Remove one of them.`]
      : [];
  });
}

/** @returns risks in CSP_ALLOW that no addition has */
export function unusedRisks(additions: readonly CspAddition[], allowed: readonly CspRisk[]): CspRisk[] {
  const used = new Set(
    additions.flatMap(({ directive, sources }) =>
      directive === UPGRADE ? [] : sources.flatMap((source) => risksOf(directive, source)),
    ),
  );
  return allowed.filter((risk) => !used.has(risk));
}
