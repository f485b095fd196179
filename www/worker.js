// A worker of any role: the page's first message says which, and brings the compiled module where the page has it.
import * as program from "./{{glue}}";

// Not for the role, but for whoever plays it: the rest of the module, once the page has it.
self.addEventListener("message", (event) => {
  if (!event.data.rest) return;
  event.stopImmediatePropagation();
  program.takeRest(event.data.rest);
});
self.onmessage = async ({ data }) => {
  const early = [];
  self.onmessage = (event) => early.push(event);
  await program.default({ module_or_path: data.module?.first ?? new URL("./{{wasm}}", import.meta.url) });
  if (data.module?.rest) program.takeRest(data.module.rest);
  program.worker(data);
  for (const event of early) self.onmessage(event);
};
