// What is measured in a page, one call each. The package is imported when it is first needed, so that the
// import can be measured too. Times are in microseconds.

const load = () => import("/pkg/index.js");

let pkcs11;
let echoing;

/** Opens what signatures are compared with and asked for. */
export async function open(bridgePort, echoPort) {
  echoing = await openEcho(echoPort);
  pkcs11 = await openPkcs11(bridgePort);
}

/** Sends a text there and back. */
export function echo() {
  return echoing(TEXT);
}

/** Makes a signature. */
export function sign(params) {
  return pkcs11.signData(params);
}

/** What each of so many calls takes, one after the other. */
export async function times(call, count) {
  const times = [];
  for (let i = 0; i < count; i += 1) {
    const start = performance.now();
    await call();
    times.push(microsSince(start));
  }
  return times;
}

/** Calls in a second, with so many in flight. */
export async function rate(call, inFlight, milliseconds) {
  const start = performance.now();
  let answered = 0;
  const oneByOne = async () => {
    while (performance.now() - start < milliseconds) {
      await call();
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, oneByOne));
  return (answered * 1e6) / microsSince(start);
}

/** How long it takes from the import of the package to a reply for which a module is called. */
export async function firstReply(bridgePort) {
  const start = performance.now();
  await (await openPkcs11(bridgePort)).slots();
  return microsSince(start);
}

/** A Blob of so many megabytes, which is one over and over, so that no page holds all of them. */
export function blob(megabytes) {
  const bytes = new Uint8Array(1_000_000);
  for (let at = 0; at < bytes.length; at += MOST_RANDOM) {
    crypto.getRandomValues(bytes.subarray(at, at + MOST_RANDOM));
  }
  const one = new Blob([bytes]);
  return new Blob(Array(megabytes).fill(one));
}

/** Hashes a Blob and says how many megabytes it does in a second. */
export async function hashRate(blob, algorithm) {
  const { hash } = await load();
  const start = performance.now();
  await hash(blob, algorithm);
  return blob.size / microsSince(start);
}

/** How large the memory of the WebAssembly has become, in bytes. It never shrinks. */
export async function wasmMemory() {
  const { default: loaded } = await import("/pkg/dist/pkcs11_bridge_client.js");
  return (await loaded()).memory.buffer.byteLength;
}

async function openPkcs11(port) {
  const { connect } = await load();
  return (await connect({ ports: [port, port] })).pkcs11();
}

/** As lean as a page can have it: replies come in the order of the requests. */
async function openEcho(port) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, "pkcs11-bridge.v1");
  const waiting = [];
  socket.onmessage = () => waiting.shift()();
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return (text) =>
    new Promise((resolve) => {
      waiting.push(resolve);
      socket.send(text);
    });
}

function microsSince(start) {
  return (performance.now() - start) * 1000;
}

/** As long as a call. */
const TEXT = "e".repeat(300);

/** What `getRandomValues` gives at a time. */
const MOST_RANDOM = 65_536;
