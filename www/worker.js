// A worker of any role: the page's first message says which, and brings the compiled module where the page has it.
import init, { worker } from "./{{glue}}";

self.onmessage = async ({ data }) => {
  const early = [];
  self.onmessage = (event) => early.push(event);
  await init({ module_or_path: data.module ?? new URL("./{{wasm}}", import.meta.url) });
  worker(data);
  for (const event of early) self.onmessage(event);
};
