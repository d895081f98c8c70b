// The JavaScript code of each step, with the user's current choices. It contains no PIN, no text
// and no file.

import { hashOf } from "./algorithms.js";
import { chosenCertificate, chosenSlot } from "./browse.js";
import { asksInPage } from "./pin-entry.js";

// The value may come from a token. A JSON literal is also a valid JavaScript literal.
const literal = (value) => JSON.stringify(value);

/** @type {Record<string, (state: any) => string>} by step */
export const snippets = {
  module({ ports, moduleName }) {
    return [
      "import { connect, hash }",
      '  from "pkcs11-bridge-client";',
      "",
      ports
        ? `const client = await connect({\n  ports: [${ports.join(", ")}],\n});`
        : "const client = await connect();",
      "const modules = await client.modules();",
      `const pkcs11 = client.pkcs11(${moduleName === undefined ? "" : literal(moduleName)});`,
      "const info = await pkcs11.info();",
    ].join("\n");
  },

  slot(state) {
    const slot = chosenSlot(state);
    return [
      `const slots = await pkcs11.${state.onlyWithToken ? "slotsWithTokenPresent" : "slots"}();`,
      "const tokens = await pkcs11.token();",
      `const token = await pkcs11.token(${slot ? literal(slot.slot_id) : "slotId"});`,
      'client.addEventListener("slot",',
      "  ({ detail }) => console.log(",
      "    detail.kind, detail.slot_id, detail.token));",
    ].join("\n");
  },

  certificate(state) {
    const slot = chosenSlot(state);
    return [
      "const certificates =",
      `  await pkcs11.certificates(${slot ? literal(slot.slot_id) : "slotId"}, {`,
      "    parseCerts: true,",
      "  });",
    ].join("\n");
  },

  sign(state) {
    const hashAlgorithm = hashOf(state.algorithm ?? "sha256");
    const data = hashAlgorithm
      ? `const data = await hash(file, ${literal(hashAlgorithm)});`
      : "const data = base64(message);";
    return [
      data,
      "const signature = await pkcs11.signData({",
      ...choice(state),
      "  data,",
      "  document: {",
      "    name: file.name, size: file.size,",
      "  },",
      ...(asksInPage(state) ? ["  pin,"] : []),
      "});",
    ].join("\n");
  },

  verify(state) {
    const call = "const valid = await pkcs11.verifySignedData({";
    return [
      call,
      ...choice(state, state.signed?.request),
      "  data,",
      "  signature: signature.data,",
      "});",
    ].join("\n");
  },

  batch(state) {
    return [
      "const controller = new AbortController();",
      "const signatures = await pkcs11.signDataBatch({",
      ...choice(state),
      "  data: hashes,",
      ...(asksInPage(state) ? ["  pin,"] : []),
      "}, {",
      "  signal: controller.signal,",
      "  onProgress({ done, total }) {",
      "    progress.value = done / total;",
      "  },",
      "});",
    ].join("\n");
  },

  login(state) {
    return [
      "import { createChallenge, verifyAuthentication }",
      '  from "pkcs11-bridge-client/server";',
      "",
      "// On your server",
      "const challenge = createChallenge();",
      "",
      "// In the page",
      "const answer = await pkcs11.authenticate({",
      ...key(state),
      "  challenge,",
      "});",
      "",
      "// On your server",
      "const { certificate } =",
      "  await verifyAuthentication({",
      "    response: answer.data,",
      "    challenge,",
      `    origin: ${literal(location.origin)},`,
      "    trustedIssuers,",
      "  });",
    ].join("\n");
  },
};

/** The keys of the state that the snippets use. */
export const snippetKeys = [
  "ports",
  "moduleName",
  "slots",
  "slotKey",
  "onlyWithToken",
  "certificates",
  "certificateId",
  "algorithm",
  "format",
  "signed",
  "pinInPage",
  "bridge",
  "token",
];

function choice(state, request) {
  const {
    algorithm_reference: algorithm = state.algorithm,
    signature_format: format = state.format,
  } = request ?? {};
  return [
    ...key(state, request),
    `  algorithm_reference: ${literal(algorithm ?? "sha256")},`,
    ...(format ? [`  signature_format: ${literal(format)},`] : []),
  ];
}

function key(state, request) {
  const {
    slot_id: slotId = chosenSlot(state)?.slot_id,
    cert_id: certId = chosenCertificate(state)?.id,
  } = request ?? {};
  return [
    slotId === undefined ? "  slot_id," : `  slot_id: ${literal(slotId)},`,
    certId === undefined ? "  cert_id," : `  cert_id: ${literal(certId)},`,
  ];
}
