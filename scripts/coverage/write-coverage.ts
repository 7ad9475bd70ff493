// Setup file of the coverage run: writes V8's coverage at the end of each test file, because Vitest ends its workers with
// a signal.
import { takeCoverage } from "node:v8";
import { afterAll } from "vitest";

afterAll(() => takeCoverage());
