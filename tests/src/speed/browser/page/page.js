// What the benchmark measures in a page, one function each. The page imports the package when it
// first needs it, so that the benchmark can measure the import too. Times are in microseconds.

const load = () => import("/pkg/index.js");

let pkcs11;
let checkingPkcs11;
let sendEcho;

/** Connects to the bridge and to the echo server. */
export async function open(bridgePort, echoPort) {
  sendEcho = await openEcho(echoPort);
  pkcs11 = await openPkcs11(bridgePort, { verify: false });
  checkingPkcs11 = await openPkcs11(bridgePort);
}

/** Sends a text to the echo server and waits for its return. */
export function echo() {
  return sendEcho(TEXT);
}

/** Signs, as `signData` does. */
export function sign(params) {
  return pkcs11.signData(params);
}

/** Signs, and checks the signature in the page. */
export function signAndCheck(params) {
  return checkingPkcs11.signData(params);
}

/** The times of `count` checks of one signature, without the bridge. */
export async function checkTimes(params, count) {
  const [{ loaded }, { data: certificates }, { data: signature }] = await Promise.all([
    import("/pkg/verifier.js"),
    pkcs11.certificates(params.slot_id),
    sign(params),
  ]);
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const { base64 } = certificates.find(({ id }) => id === params.cert_id);
  const key = (await loaded()).CertificateKey.of(bytes(base64));
  const inputs = [params.algorithm_reference, bytes(params.data), bytes(signature), false];
  return times(() => {
    if (!key.accepts(...inputs)) throw new Error("the signature is not accepted");
  }, count);
}

/** The times of `count` calls, one after the other. */
export async function times(call, count) {
  const times = [];
  for (let i = 0; i < count; i += 1) {
    const start = performance.now();
    await call();
    times.push(microsSince(start));
  }
  return times;
}

/** Keeps `inFlight` calls in flight and returns the calls per second. */
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

/** The time from the import of the package to the first reply that needs a module. */
export async function firstReply(bridgePort) {
  const start = performance.now();
  await (await openPkcs11(bridgePort)).slots();
  return microsSince(start);
}

/** A Blob that repeats one megabyte, so that the page does not hold all of it in memory. */
export function blob(megabytes) {
  const bytes = new Uint8Array(1_000_000);
  for (let at = 0; at < bytes.length; at += MAX_RANDOM) {
    crypto.getRandomValues(bytes.subarray(at, at + MAX_RANDOM));
  }
  const part = new Blob([bytes]);
  return new Blob(Array(megabytes).fill(part));
}

/** Hashes a Blob and returns the megabytes per second. */
export async function hashRate(blob, algorithm) {
  const { hash } = await load();
  const start = performance.now();
  await hash(blob, algorithm);
  return blob.size / microsSince(start);
}

/** The size of the WebAssembly's memory in bytes. It never shrinks. */
export async function wasmMemory() {
  const { default: loaded } = await import("/pkg/dist/pkcs11_bridge_client.js");
  return (await loaded()).memory.buffer.byteLength;
}

async function openPkcs11(port, options) {
  const { connect } = await load();
  return (await connect({ ports: [port, port], ...options })).pkcs11();
}

/** A minimal client of the echo server. The replies come in the order of the texts. */
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

/** A text as long as a request. */
const TEXT = "e".repeat(300);

/** The most bytes that one call of `getRandomValues` fills. */
const MAX_RANDOM = 65_536;
