// A worker of any role: the page's first message brings the compiled module and says which.
import init, { worker } from "./{{glue}}";

self.onmessage = async ({ data }) => {
  self.onmessage = null;
  await init({ module_or_path: data.module });
  worker(data);
};
