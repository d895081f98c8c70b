// Tests the API as the guide documents it, one section after the other. Each call is made with a
// promise and with a callback.

import { connect, hash, ModuleConfig, RestException } from "pkcs11-bridge-client";
import {
  AuthenticationError,
  createChallenge,
  verifyAuthentication,
} from "pkcs11-bridge-client/server";
import {
  assert,
  assertEqual,
  assertFields,
  byPromiseAndByCallback,
  failureOf,
  run,
  section,
} from "./section.js";

/** The values of the test: the bridge's ports, the module's path, the token and its PIN. */
const prepared = await (await fetch("/prepared.json")).json();

const HASHES = ["SHA1", "SHA256", "SHA384", "SHA512"];
const MESSAGE = new TextEncoder().encode("a contract");

let client;
let pkcs11;
let slotId;
let certificates;

/** All signatures, so that the test can verify them outside the browser. */
window.signed = [];

section("Get the PKCS #11 container object", async () => {
  const moduleConfig = new ModuleConfig(
    prepared.module,
    "/usr/local/lib/libeTPkcs11.dylib",
    "C:\\Windows\\System32\\eTPKCS11.dll",
  );
  client = await connect({ ports: prepared.ports, moduleConfig });
  pkcs11 = client.pkcs11();
});

section("Info", async () => {
  const { data } = await byPromiseAndByCallback((callback) => pkcs11.info(callback));
  assertFields(data, [
    "cryptoki_version",
    "manufacturer_id",
    "flags",
    "library_description",
    "library_version",
  ]);
  assertEqual(data.manufacturer_id, "SoftHSM", "the manufacturer");
  assertEqual(data.cryptoki_version, "2.40", "the version of Cryptoki");
  assertEqual(data.flags, 0, "the flags");
});

section("Slots", async () => {
  const { data } = await byPromiseAndByCallback((callback) => pkcs11.slots(callback));
  assert(data.length >= 2, "the list has the token's slot and the free slot");
  for (const slot of data) {
    assertFields(slot, [
      "slot_id",
      "description",
      "flags",
      "hardware_version",
      "firmware_version",
    ]);
    assert(typeof slot.slot_id === "number", "a slot id is a number");
    assert([0, 1, 2, 3, 4, 5, 6, 7, 32].includes(slot.flags), `flags are ${slot.flags}`);
  }
});

section("Slots with tokens present", async () => {
  const { data } = await byPromiseAndByCallback((callback) =>
    pkcs11.slotsWithTokenPresent(callback),
  );
  assert(data.every((slot) => slot.flags & 1), "every slot has a token");
  slotId = data.find((slot) => slot.slot_id === prepared.slot)?.slot_id;
  assert(slotId !== undefined, "the list has the token's slot");
});

section("Token", async () => {
  const { data: tokens } = await byPromiseAndByCallback((callback) => pkcs11.token(callback));
  assert(Array.isArray(tokens), "without a slot id the result is a list");
  const { data: token } = await byPromiseAndByCallback((callback) =>
    pkcs11.token(slotId, callback),
  );
  assertFields(token, [
    "slot_id",
    "label",
    "manufacturer_id",
    "model",
    "serial_number",
    "flags",
    "max_session_count",
    "session_count",
    "max_rw_session_count",
    "rw_session_count",
    "max_pin_length",
    "min_pin_length",
    "total_public_memory",
    "free_public_memory",
    "total_private_memory",
    "free_private_memory",
    "hardware_version",
    "firmware_version",
  ]);
  assertEqual(token.label, prepared.label, "the label");
  assertEqual(token.slot_id, slotId, "the slot");
  const same = tokens.find((token) => token.slot_id === slotId);
  assertEqual(same?.serial_number, token.serial_number, "the serial number in the list");
});

section("Certificates", async () => {
  const calls = {
    "without options": (callback) => pkcs11.certificates(slotId, callback),
    "with empty options": (callback) => pkcs11.certificates(slotId, {}, callback),
    "with undefined options": (callback) => pkcs11.certificates(slotId, undefined, callback),
    "by the slot's digits": (callback) => pkcs11.certificates(String(slotId), callback),
  };
  for (const [how, call] of Object.entries(calls)) {
    const response = await byPromiseAndByCallback(call, ["login_required"]);
    assertEqual(response.login_required, true, "whether there may be more after a login");
    const { data } = response;
    for (const certificate of data) assertFields(certificate, ["id", "base64", "label"]);
    assertEqual(data, certificates ?? data, `the list ${how}`);
    certificates = data;
  }
  const labels = certificates.map((certificate) => certificate.label).sort();
  assertEqual(labels, prepared.labels, "the labels");
});

section("Certificates, parsed", async () => {
  const { data } = await byPromiseAndByCallback(
    (callback) => pkcs11.certificates(slotId, { parseCerts: true }, callback),
    ["login_required"],
  );
  const [rsa, ec] = ["RSA-2048", "P-384"].map((label) =>
    data.find((certificate) => certificate.label === label),
  );
  assertEqual(rsa.parsed.subject, "CN=RSA-2048,O=pkcs11-bridge,C=BE", "the subject");
  assertEqual(rsa.parsed.issuer, rsa.parsed.subject, "the issuer");
  assertEqual([rsa.parsed.key_type, rsa.parsed.key_size], ["RSA", 2048], "the RSA key");
  assertEqual([ec.parsed.key_type, ec.parsed.curve], ["EC", "P-384"], "the EC key");
  assertEqual(rsa.parsed.key_usage, ["digitalSignature"], "the key usage");
  assertEqual(rsa.parsed.extended_key_usage, ["clientAuth", "emailProtection"], "its extension");
  const [from, to] = [rsa.parsed.not_before, rsa.parsed.not_after].map(Date.parse);
  assert(from <= Date.now() && Date.now() < to, "the certificate is valid now");
  for (const certificate of data) {
    const fingerprint = certificate.parsed.fingerprint_sha256;
    assertEqual(fingerprint, prepared.fingerprints[certificate.label], "the fingerprint");
  }
});

section("Keys without a certificate", async () => {
  // The page has not listed the key, so the client reads it for its check, once the login shows it.
  const { id: cert_id, label, public_key } = prepared.key;
  const kind = { key_type: "EC", key_size: 256, curve: "P-256" };
  const [slot_id, algorithm_reference, pin] = [slotId, "SHA256", prepared.pin];
  const request = { slot_id, cert_id, algorithm_reference, pin };
  const data = await hash(MESSAGE, "SHA256");
  const { data: signature } = await pkcs11.signData({ ...request, data });
  window.signedByKey = signature;
  for (const options of [undefined, {}, { login: false }]) {
    const response = await byPromiseAndByCallback(
      (callback) => pkcs11.keys(slotId, options, callback),
      ["login_required"],
    );
    assertEqual(response.login_required, false, "whether there may be more after a login");
    assertEqual(response.data, [{ id: cert_id, label, ...kind, public_key }], "the keys");
  }
  await byPromiseAndByCallback((callback) => pkcs11.keys(slotId, callback), ["login_required"]);
  // WebCrypto checks the signature with the public key.
  const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const ecdsa = { name: "ECDSA", namedCurve: "P-256" };
  const spki = bytes(public_key);
  const key = await crypto.subtle.importKey("spki", spki, ecdsa, false, ["verify"]);
  const ecdsa256 = { name: "ECDSA", hash: "SHA-256" };
  assert(await crypto.subtle.verify(ecdsa256, key, bytes(signature), MESSAGE), "it is valid");
  const message = btoa(String.fromCharCode(...MESSAGE));
  await pkcs11.signData({ ...request, cert_id: cert_id.toUpperCase(), message });
  const unknown = `key:${"0".repeat(64)}`;
  const missing = await pkcs11.signData({ ...request, cert_id: unknown, data }).catch((e) => e);
  assertEqual(missing.code, "404", "the code for a key that the token does not have");
  const { data: items } = await pkcs11.signDataBatch({ ...request, data: [data, data] });
  for (const item of items) assert(item.signature, "each item is signed");
  const check = { slot_id, cert_id, algorithm_reference, data, signature };
  assertEqual((await pkcs11.verifySignedData(check)).data, true, "it is verified");
  const login = { slot_id, cert_id, challenge: createChallenge() };
  const refused = await pkcs11.authenticate(login).catch((error) => error);
  assertEqual(refused.code, "406", "the code");
  await pkcs11.logout(slotId);
});

section("Signing data", async () => {
  for (const certificate of certificates.filter(({ label }) => label !== "Ed25519")) {
    for (const algorithm of HASHES) {
      const data = {
        slot_id: slotId,
        cert_id: certificate.id,
        algorithm_reference: algorithm,
        data: await hash(MESSAGE, algorithm),
        pin: prepared.pin,
      };
      const response = await signByPromiseAndByCallback(data);
      window.signed.push({ ...data, label: certificate.label, signature: response.data });
    }
  }
});

/** ECDSA signatures differ each time, so this does not compare the results of the two calls. */
async function signByPromiseAndByCallback(request) {
  const data = { ...request, document: { name: "guide.txt", size: MESSAGE.length } };
  const response = await pkcs11.signData(data);
  const again = await new Promise((resolve, reject) => {
    pkcs11.signData(data, (error, response) => (error ? reject(error) : resolve(response)));
  });
  for (const { data, ...rest } of [response, again]) {
    assert(typeof data === "string", "a signature is base64");
    assertEqual(rest, { success: true }, "the rest of the response");
  }
  return response;
}

section("The hash of the data", async () => {
  const names = { SHA1: "SHA-1", SHA256: "SHA-256", SHA384: "SHA-384", SHA512: "SHA-512" };
  const large = new Uint8Array(5_000_000).map((_, index) => index);
  for (const algorithm of HASHES) {
    const expected = await crypto.subtle.digest(names[algorithm], large);
    const base64 = btoa(String.fromCharCode(...new Uint8Array(expected)));
    for (const source of [large, large.buffer, new Blob([large]), new Blob([large]).stream()]) {
      const what = `${algorithm} of a ${source}`.slice(0, 60);
      assertEqual(await hash(source, algorithm), base64, what);
    }
  }
});

section("verifySignedData call", async () => {
  for (const { pin, label, ...data } of window.signed) {
    const right = await byPromiseAndByCallback((callback) =>
      pkcs11.verifySignedData(data, callback),
    );
    assert(right.data === true, `${label} ${data.algorithm_reference} is verified`);
    const other = { ...data, data: await hash(new Uint8Array(1), data.algorithm_reference) };
    const wrong = await byPromiseAndByCallback((callback) =>
      pkcs11.verifySignedData(other, callback),
    );
    const what = `${label} ${data.algorithm_reference}`;
    assert(wrong.data === false, `${what} of other data is not verified`);
  }
});

section("Authentication", async () => {
  for (const { id, label } of certificates.filter(({ label }) => label !== "Ed25519")) {
    const challenge = createChallenge();
    const request = { slot_id: slotId, cert_id: id, challenge };
    const byPromise = await pkcs11.authenticate(request);
    const byCallback = await new Promise((resolve, reject) => {
      pkcs11.authenticate(request, (error, response) =>
        error ? reject(error) : resolve(response),
      );
    });
    const fingerprint = `sha256:${prepared.fingerprints[label]}`;
    const isTrusted = (certificate) => certificate.fingerprint === fingerprint;
    for (const { data: response, success } of [byPromise, byCallback]) {
      assert(success, "the response has `success: true`");
      assertFields(response, ["format", "algorithm", "signature", "certificate"]);
      const login = { response, challenge, origin: location.origin, isTrusted };
      const { certificate } = await verifyAuthentication(login);
      assertEqual(certificate.subject.text, `CN=${label},O=pkcs11-bridge,C=BE`, "the user");
      const elsewhere = { ...login, origin: "https://elsewhere.example" };
      const refused = await verifyAuthentication(elsewhere).catch((error) => error);
      assert(refused instanceof AuthenticationError, "another site refuses the login");
      assertEqual(refused.code, "wrong_signature", "the reason");
    }
  }
  const short = { slot_id: slotId, cert_id: certificates[0].id, challenge: "AQI=" };
  const error = await failureOf((callback) => pkcs11.authenticate(short, callback));
  assertEqual([error.status, error.code], [400, "801"], "the error of a short challenge");
});

section("Error Handling", async () => {
  const { signature, label, ...signed } = window.signed[0];
  // Once only: after a wrong PIN, the bridge takes the next one on the desktop.
  const wrong = { ...signed, pin: prepared.wrong_pin };
  const wrongPin = await pkcs11.signData(wrong).catch((error) => error);
  assert(wrongPin instanceof RestException, "it is a RestException");
  assert(wrongPin instanceof Error, "it is an Error");
  assertEqual(wrongPin.name, "RestException", "the name");
  assertEqual([wrongPin.status, wrongPin.code], [412, "106"], "status and code");
  assertEqual(wrongPin.pkcs11, "CKR_PIN_INCORRECT", "the value of PKCS#11");
  assertEqual(wrongPin.description, wrongPin.message, "the description");
  assert(!wrongPin.description.includes(prepared.wrong_pin), "the description contains no PIN");

  const unknownAlgorithm = { ...signed, algorithm_reference: "md5" };
  for (const [call, status, code] of [
    [(callback) => pkcs11.token(4711, callback), 412, "1"],
    [(callback) => pkcs11.certificates(4711, callback), 412, "1"],
    [(callback) => pkcs11.certificates(undefined, callback), 400, "801"],
    [
      (callback) => pkcs11.signData({ ...signed, cert_id: "77", pin: undefined }, callback),
      412,
      "404",
    ],
    [(callback) => pkcs11.signData({ ...signed, data: "?" }, callback), 400, "801"],
    [(callback) => pkcs11.signData(unknownAlgorithm, callback), 400, "801"],
    [(callback) => client.pkcs11("nothing").info(callback), 412, "300"],
  ]) {
    const error = await failureOf(call);
    assert(error instanceof RestException, `${call} fails with a RestException: ${error}`);
    assertEqual([error.status, error.code], [status, code], `the error of ${call}`);
    assert(error.description.length > 10, `${call} has a description: ${error.description}`);
  }
});

section("Calls after an error", async () => {
  const { signature, label, ...signed } = window.signed[0];
  // After a wrong PIN, the bridge takes the next one on the desktop only.
  const refused = await failureOf((callback) => pkcs11.signData(signed, callback));
  assertEqual([refused.status, refused.code], [412, "104"], "a PIN after a wrong one");
  await pkcs11.info();
  client.close();
  const error = await failureOf((callback) => pkcs11.info(callback));
  assertEqual([error.status, error.code], [500, "999"], "the error of a closed client");
});

await run();
