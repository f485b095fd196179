
// The rest of this module, cut off by xtask/src/parts.rs: loaded ahead of need, or when the first part first calls into it.
const restAddress = new URL("./{{rest}}", import.meta.url).href;
let rest;

/** Loads the rest; resolves to it, for workers. */
export async function loadRest() {
  const response = async () => found(await fetch(restAddress));
  const compiled = await WebAssembly.compileStreaming(response())
    .catch(async () => WebAssembly.compile(await (await response()).arrayBuffer()));
  takeRest(compiled);
  return compiled;
}

// A page that was opened long ago is of a version that its host may not have any more: what is there now can go on with its cluster.
function found(answer) {
  if (answer.status === 200) return answer;
  if (answer.status) globalThis.document?.location.reload();
  throw new Error(`${restAddress}: ${answer.status}`);
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
    rest = new WebAssembly.Module(Uint8Array.from(found(request).responseText, (byte) => byte.charCodeAt(0) & 0xff));
  }
  linkRest();
}
