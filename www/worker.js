// A worker of any role: the page's first message says which, and brings the parts of the compiled module that the page has.
import * as program from "./{{glue}}";

// Not for the role, but for whoever plays it: a later part of the module, once the page has it.
self.addEventListener("message", (event) => {
  if (!event.data.part) return;
  event.stopImmediatePropagation();
  program.takePart(event.data.number, event.data.part);
});
self.onmessage = async ({ data }) => {
  const early = [];
  self.onmessage = (event) => early.push(event);
  const [first, ...later] = data.module ?? [];
  await program.default({ module_or_path: first ?? new URL("./{{wasm}}", import.meta.url) });
  later.forEach((part, index) => program.takePart(index + 1, part));
  program.worker(data);
  for (const event of early) self.onmessage(event);
};
