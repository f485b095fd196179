
// The rest of this module, cut off by xtask/src/parts.rs: loaded ahead of need, or when the first part first calls into it.
const restAddress = new URL("./{{rest}}", import.meta.url).href;
let rest;

/** Loads the rest; resolves to it, for workers. */
export async function loadRest() {
  const response = () => fetch(restAddress);
  const compiled = await WebAssembly.compileStreaming(response())
    .catch(async () => WebAssembly.compile(await (await response()).arrayBuffer()));
  takeRest(compiled);
  return compiled;
}

/** Takes the rest, compiled already. */
export function takeRest(compiled) {
  rest = compiled;
  if (wasm) linkRest();
}

function linkRest() {
  if (wasm["part:loaded"].value) return;
  new WebAssembly.Instance(rest, { parts: wasm });
  wasm["part:loaded"].value = 1;
}

// The first part calls a function that is not there: it cannot go on before it is.
function loadRestNow() {
  if (!rest) {
    const request = new XMLHttpRequest();
    request.open("GET", restAddress, false);
    // The only way to get bytes at once that a page has, too: text in which every character is a byte.
    request.overrideMimeType("text/plain; charset=x-user-defined");
    request.send();
    if (request.status !== 200) throw new Error(`${restAddress}: ${request.status}`);
    rest = new WebAssembly.Module(Uint8Array.from(request.responseText, (byte) => byte.charCodeAt(0) & 0xff));
  }
  linkRest();
}
