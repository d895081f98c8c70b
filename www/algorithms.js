// The algorithm references for each type of key, and what they mean.

const HASHES = [
  ["sha1", "SHA-1"],
  ["sha224", "SHA-224"],
  ["sha256", "SHA-256"],
  ["sha384", "SHA-384"],
  ["sha512", "SHA-512"],
];
const JWA_OF_CURVE = {
  "P-256": ["ES256", "SHA-256"],
  "P-384": ["ES384", "SHA-384"],
  "P-521": ["ES512", "SHA-512"],
};

const ML_DSA = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];

const RSA_GROUPS = [
  byHash("Hash name, PKCS#1 v1.5 padding", "RSASSA-PKCS1-v1_5"),
  byName("JWA name, PKCS#1 v1.5 padding", "RS", "RSASSA-PKCS1-v1_5"),
  byName("JWA name, PSS padding", "PS", "RSASSA-PSS, salt as long as the hash"),
];

/**
 * The references for the key of a certificate. If the key is not known, all references.
 * @param {any} parsed `parsed` of a certificate, `null` if the client could not parse it
 * @returns {{ title: string, options: { value: string, meaning: string }[] }[]}
 */
export function algorithmsFor(parsed) {
  if (parsed?.key_type === "RSA") return RSA_GROUPS;
  if (parsed?.key_type === "EC") return [byHash("Hash name", "ECDSA"), ...jwaOfCurve(parsed.curve)];
  if (parsed?.key_type === "Ed25519") return [message("EdDSA")];
  if (ML_DSA.includes(parsed?.key_type)) return [message(parsed.key_type)];
  const curves = Object.keys(JWA_OF_CURVE).flatMap(jwaOfCurve);
  return [...RSA_GROUPS, ...curves, ...["EdDSA", ...ML_DSA].map(message)];
}

/** The hash algorithm for `hash()`, or `null` if the algorithm signs the message itself. */
export function hashOf(algorithm) {
  const bits = /^(?:sha|[RPE]S)(1|224|256|384|512)$/.exec(algorithm)?.[1];
  return bits ? `sha${bits}` : null;
}

export const hashName = (hash) => HASHES.find(([value]) => value === hash)?.[1] ?? hash;

/** Whether signatures of the key have two encodings. Only ECDSA signatures do. */
export const hasFormats = (parsed) => parsed?.key_type === "EC";

/** "RSA 2048", "EC P-256", or only the name of the type. */
export function keyName(parsed) {
  if (parsed.key_type === "EC") return `EC ${parsed.curve ?? parsed.key_size ?? ""}`.trim();
  if (parsed.key_type === "RSA") return `RSA ${parsed.key_size ?? ""}`.trim();
  return parsed.key_type ?? "Key not readable";
}

function byHash(title, scheme) {
  return {
    title,
    options: HASHES.map(([value, name]) => ({ value, meaning: `${scheme} with ${name}` })),
  };
}

function byName(title, prefix, scheme) {
  const options = HASHES.slice(2).map(([value, name]) => ({
    value: `${prefix}${value.slice(3)}`,
    meaning: `${scheme}, with ${name}`,
  }));
  return { title, options };
}

function jwaOfCurve(curve) {
  if (!JWA_OF_CURVE[curve]) return [];
  const [value, name] = JWA_OF_CURVE[curve];
  return [{ title: "JWA name", options: [{ value, meaning: `ECDSA on ${curve} with ${name}` }] }];
}

function message(value) {
  return {
    title: "Signs the message itself",
    options: [{ value, meaning: `${value} over the message, not over a hash` }],
  };
}
