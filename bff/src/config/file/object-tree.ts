// Reads a JavaScript object of the shape of cloakroom.yaml into the tree that the YAML reader makes. Faults have a path and
// no line.
import { joinPath, type Fault, type Tree } from "./yaml-tree.ts";

const AT = { line: 0, column: 0 };
/** An object that contains itself has no end. */
const MAX_DEPTH = 32;

export function readObjectTree(value: unknown): { tree: Tree; faults: Fault[] } {
  const faults: Fault[] = [];
  const blank: Tree = { kind: "scalar", at: AT, value: null, source: "", isBlank: false };
  const fault = (path: string, message: string): Tree => {
    faults.push({ at: AT, path, message });
    return blank;
  };
  const read = (each: unknown, path: string, depth: number): Tree => {
    if (depth > MAX_DEPTH) return fault(path, "is nested too deeply. Reduce the nesting");
    if (each === null) return blank;
    if (typeof each === "string" || typeof each === "boolean")
      return { kind: "scalar", at: AT, value: each, source: String(each), isBlank: false };
    if (typeof each === "number") {
      if (!Number.isFinite(each)) return fault(path, "is not a finite number. Write a decimal number");
      return { kind: "scalar", at: AT, value: each, source: String(each), isBlank: false };
    }
    if (Array.isArray(each)) {
      const items = each.map((item: unknown, index) => read(item, `${path}[${index}]`, depth + 1));
      return { kind: "sequence", at: AT, items };
    }
    if (!isPlainObject(each))
      return fault(path, "must be text, a number, a boolean, a list or an object. Convert the value");
    const entries = Object.entries(each)
      // As a key that is not there.
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => ({ key, at: AT, value: read(member, joinPath(path, key), depth + 1) }));
    return { kind: "mapping", at: AT, entries };
  };
  const tree = read(value, "", 0);
  return { tree, faults };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
