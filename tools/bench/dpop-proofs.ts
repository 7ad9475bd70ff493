// Measures what DPoP costs per forwarded request: CPU time and latency of one proof (RFC 9449 §4.2).
// Usage: node tools/bench/dpop-proofs.ts [proofs]
import { newProofKey } from "@cloakroom/gateway/src/lib/proof-key.ts";
import { createDpopProofs } from "@cloakroom/gateway/src/provider/dpop-proof.ts";

const proofs = Number(process.argv[2] ?? 20_000);
/** Requests in flight at the same time. */
const CONCURRENCY = 32;

const dpop = createDpopProofs();
dpop.rememberNonce("http://api:8000", "a-nonce-of-twenty-two-c");
const key = newProofKey();
const request = {
  key,
  accessToken: "a".repeat(1_200),
  method: "GET",
  origin: "http://api:8000",
  target: "/orders?id=1",
};

async function sign(count: number): Promise<void> {
  for (let done = 0; done < count; done++) await dpop.proofFor(request);
}
const inParallel = (count: number) =>
  Promise.all(Array.from({ length: CONCURRENCY }, () => sign(Math.ceil(count / CONCURRENCY))));

await inParallel(2_000);
const [cpuBefore, startedAtMs] = [process.cpuUsage(), performance.now()];
await inParallel(proofs);
const { user, system } = process.cpuUsage(cpuBefore);
const elapsedMs = performance.now() - startedAtMs;
const oneByOneAtMs = performance.now();
await sign(2_000);
const latencyMs = (performance.now() - oneByOneAtMs) / 2_000;
const first = performance.now();
await dpop.proofFor({ ...request, key: newProofKey() });
process.stdout.write(
  `${JSON.stringify({
    proofs,
    cpuMicrosecondsPerProof: Math.round((user + system) / proofs),
    proofsPerSecond: Math.round(proofs / (elapsedMs / 1000)),
    latencyMicroseconds: Math.round(latencyMs * 1000),
    firstProofOfASessionMicroseconds: Math.round((performance.now() - first) * 1000),
    proofBytes: (await dpop.proofFor(request)).length,
  })}\n`,
);
