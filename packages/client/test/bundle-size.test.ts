// The size of the package in an app that uses all of it.
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { expect, test } from "vitest";

const maxGzippedBytes = 6_000;

test(`the bundled, minified and gzipped package has at most ${maxGzippedBytes} bytes and imports nothing`, async () => {
  const bundle = await rolldown({ input: new URL("../src/index.ts", import.meta.url).pathname });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  await bundle.close();
  const [chunk] = output;
  expect([output.length, chunk.imports, chunk.dynamicImports]).toEqual([1, [], []]);
  expect(gzipSync(chunk.code).byteLength).toBeLessThanOrEqual(maxGzippedBytes);
});
