import InlineWorker from "./inline-worker.js?worker&inline";
import addUrl from "./add.wasm?url&no-inline";

const results = {};
const show = (name, value) => {
  results[name] = value;
  document.getElementById("root").innerText = JSON.stringify(results);
};

const fromWorker = (create) =>
  new Promise((resolve) => {
    try {
      const worker = create();
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = () => resolve("blocked");
      worker.postMessage(20);
    } catch {
      resolve("blocked");
    }
  });

show("worker", await fromWorker(() => new Worker(new URL("./worker.js", import.meta.url), { type: "module" })));
show("inline", await fromWorker(() => new InlineWorker()));
try {
  const { instance } = await WebAssembly.instantiateStreaming(fetch(addUrl));
  show("wasm", instance.exports.add(40, 2));
} catch {
  show("wasm", "blocked");
}
show("done", true);
