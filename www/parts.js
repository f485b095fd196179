// The later parts of this module, cut off by xtask/src/parts.rs: loaded ahead of need, or when a function of one is first called.
const addresses = ["./{{part 1}}", "./{{part 2}}", "./{{part 3}}"].map((name) => new URL(name, import.meta.url).href);
// With the terminals come their tools: whoever opened one will want them.
const ahead = { 2: 3 };
const parts = [];

/** Loads a part; resolves to it, for workers. */
export async function loadPart(number) {
  const response = async () => found(await fetch(addresses[number - 1]));
  const compiled = await WebAssembly.compileStreaming(response())
    .catch(async () => WebAssembly.compile(await (await response()).arrayBuffer()));
  takePart(number, compiled);
  return compiled;
}

// A page that was opened long ago is of a version that its host may not have any more: what is there now can go on with its cluster.
function found(answer) {
  if (answer.status === 200) return answer;
  if (answer.status && globalThis.document && !isMissedAgain()) location.reload();
  throw new Error(`${answer.responseURL ?? answer.url}: ${answer.status}`);
}

// Whether this tab began anew for the same file already: then the host does not have it at all.
function isMissedAgain() {
  try {
    const before = sessionStorage.getItem("playground.missed");
    sessionStorage.setItem("playground.missed", import.meta.url);
    return before === import.meta.url;
  } catch {
    return true;
  }
}

/** Takes a part, compiled already. */
export function takePart(number, compiled) {
  parts[number] = compiled;
  if (wasm) link();
}

// Each part needs those before it.
function link() {
  const linked = wasm["part:linked"];
  for (let part; (part = parts[linked.value + 1]); linked.value += 1) new WebAssembly.Instance(part, { parts: wasm });
}

// Somebody calls a function that is not there: it cannot go on before it is.
function loadNow(number) {
  for (let part = 1; part <= number; part += 1) parts[part] ??= loaded(addresses[part - 1]);
  link();
  // What cannot be had ahead of need is asked for again when it is needed.
  if (ahead[number]) loadPart(ahead[number]).catch(() => {});
}

function loaded(address) {
  const request = new XMLHttpRequest();
  request.open("GET", address, false);
  // The only way to get bytes at once that a page has, too: text in which every character is a byte.
  request.overrideMimeType("text/plain; charset=x-user-defined");
  request.send();
  return new WebAssembly.Module(Uint8Array.from(found(request).responseText, (byte) => byte.charCodeAt(0) & 0xff));
}
