/** Names a slot. A number; beyond 2^53 − 1 its decimal digits in a string. */
export type SlotId = number | string;

/**
 * How to sign, in any case; `SHA-256` is the same as `sha256`.
 *
 * - `sha1`, `sha256`, `sha384`, `sha512`: PKCS#1 v1.5 with an RSA key, ECDSA with an EC key.
 * - `RS…`: RSA PKCS#1 v1.5. `PS…`: RSA-PSS, salt as long as the hash. `ES…`: ECDSA.
 * - `EdDSA`, `ML-DSA-…`: sign the message itself, not a hash.
 */
export type AlgorithmReference =
  | HashAlgorithm
  | "RS256" | "RS384" | "RS512"
  | "PS256" | "PS384" | "PS512"
  | "ES256" | "ES384" | "ES512"
  | "EdDSA"
  | "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87"
  | (string & {});

/** A hash function, in any case and with or without the hyphen of `SHA-256`. */
export type HashAlgorithm = "sha1" | "sha256" | "sha384" | "sha512" | (string & {});

/** What every successful call answers. */
export interface Response<T> {
  data: T;
  success: true;
}

/**
 * Called once with the outcome: `callback(null, response)` or `callback(error, undefined)`. With a
 * callback the promise may be ignored: it causes no `unhandledrejection`.
 */
export type Callback<R> = (
  ...outcome: [error: null, response: R] | [error: RestException, response: undefined]
) => void;

/** Who the bridge is and what it can do. */
export interface Hello {
  /** `"pkcs11-bridge"` */
  name: string;
  /** The version of the bridge. */
  version: string;
  /** The sub-protocol of the WebSocket, `"pkcs11-bridge.v1"`. */
  protocol: string;
  /** The methods that this bridge has. */
  methods: string[];
  /**
   * Where the bridge takes PINs from. A reader's own pinpad always comes first.
   *
   * - `native`: only from the user, in a window of the bridge. A call that brings a PIN is rejected
   *   with 400/801.
   * - `page-or-native`: from the call, or from the user where it brings none.
   */
  pin_entry: "native" | "page-or-native";
}

/** A PKCS#11 module that the page may name. */
export interface Module {
  /** The name for {@link Client.pkcs11}. */
  name: string;
  /** What it is, for a person. */
  description: string;
  /**
   * - `available`: not started yet; the first call starts it.
   * - `running`: started.
   * - `missing`: its file is not there.
   * - `set_aside`: not started again for a while, because it kept failing.
   */
  state: "available" | "running" | "missing" | "set_aside";
}

/** What a PKCS#11 module says of itself (`CK_INFO`). */
export interface Info {
  /** The version of PKCS#11 that the module implements, "major.minor". */
  cryptoki_version: string;
  /** Who made the module. */
  manufacturer_id: string;
  /** Reserved by the standard: 0. */
  flags: number;
  /** What the module is. */
  library_description: string;
  /** The version of the module, "major.minor". */
  library_version: string;
}

/** A slot (`CK_SLOT_INFO`). */
export interface Slot {
  /** The id by which calls choose the slot. */
  slot_id: SlotId;
  /** The slot, such as the name of a reader. */
  description: string;
  /** The sum of 1 token present, 2 removable device, 4 hardware slot. */
  flags: number;
  /** "major.minor" */
  hardware_version: string;
  /** "major.minor" */
  firmware_version: string;
}

/**
 * A token (`CK_TOKEN_INFO`). What the token does not tell, and a limit that it does not have, is
 * `null`. PIN lengths and memory are in bytes.
 */
export interface Token {
  /** The slot that the token is in. */
  slot_id: SlotId;
  /** The name that its owner gave it. */
  label: string;
  /** Who made the token. */
  manufacturer_id: string;
  /** The model of the token. */
  model: string;
  /** The serial number of the token. */
  serial_number: string;
  /** The bits of `CK_TOKEN_INFO`. */
  flags: number;
  /** How many sessions one application may open. */
  max_session_count: number | null;
  /** How many are open. */
  session_count: number | null;
  /** How many read/write sessions one application may open. */
  max_rw_session_count: number | null;
  /** How many are open. */
  rw_session_count: number | null;
  /** The longest PIN. */
  max_pin_length: number;
  /** The shortest PIN. */
  min_pin_length: number;
  /** Memory for public objects. */
  total_public_memory: number | null;
  /** What is free of it. */
  free_public_memory: number | null;
  /** Memory for private objects. */
  total_private_memory: number | null;
  /** What is free of it. */
  free_private_memory: number | null;
  /** "major.minor" */
  hardware_version: string;
  /** "major.minor" */
  firmware_version: string;
}

/** A certificate on a token. */
export interface Certificate {
  /** For `cert_id`: the hex of `CKA_ID`, or `sha256:` and the fingerprint where it has none of its own. */
  id: string;
  /** The base64 of the certificate in DER. */
  base64: string;
  /** The name that the token has for it. */
  label: string;
}

/** A certificate with what it says. */
export interface ParsedCertificate extends Certificate {
  /** `null` where the certificate cannot be parsed. */
  parsed: CertificateContent | null;
  /** Why it cannot be parsed. */
  parse_error?: string;
}

/** What a certificate says (RFC 5280). Nothing of it has been verified. */
export interface CertificateContent {
  /** RFC 4514, such as `"CN=Ada Lovelace,O=Example,C=GB"`. */
  subject: string;
  /** RFC 4514 */
  issuer: string;
  /** Lower-case hex. */
  serial_number: string;
  /** ISO 8601 in UTC, such as `"2026-01-31T12:00:00Z"`. */
  not_before: string;
  /** ISO 8601 in UTC. */
  not_after: string;
  /** The type of the key; an OID in dotted decimals where it is none of these. */
  key_type: "RSA" | "EC" | "Ed25519" | (string & {});
  /** In bits; `null` where it is not known. */
  key_size: number | null;
  /** `"P-256"` and so on, an OID for other curves; `null` for keys that have none. */
  curve: string | null;
  /** The names of RFC 5280, section 4.2.1.3; empty where the certificate does not say. */
  key_usage: KeyUsage[];
  /** The names of RFC 5280, section 4.2.1.12, such as `"clientAuth"`; an OID where it has none. */
  extended_key_usage: string[];
  /** Lower-case hex of the SHA-256 of the certificate. */
  fingerprint_sha256: string;
}

/** What a key may be used for (RFC 5280, section 4.2.1.3). */
export type KeyUsage =
  | "digitalSignature"
  | "nonRepudiation"
  | "keyEncipherment"
  | "dataEncipherment"
  | "keyAgreement"
  | "keyCertSign"
  | "cRLSign"
  | "encipherOnly"
  | "decipherOnly";

/** Options of {@link AbstractPkcs11.certificates}. */
export interface CertificatesOptions {
  /** Adds `parsed` to each certificate. */
  parseCerts?: boolean | undefined;
}

/** What {@link AbstractPkcs11.signData} signs, and how. */
export interface SignData {
  /** The slot that the token is in. */
  slot_id: SlotId;
  /** The `id` of the certificate whose key signs. */
  cert_id: string;
  /** How to sign. */
  algorithm_reference: AlgorithmReference;
  /** The base64 of the hash; of the message itself for EdDSA and ML-DSA. */
  data: string;
  /**
   * The user's PIN. Better left out: where one is needed, the bridge then asks the user for it in a
   * window of its own, and the page never sees it.
   */
  pin?: string | undefined;
  /** The form of an ECDSA signature: r and s side by side, or DER. `"raw"` where it is missing. */
  signature_format?: "raw" | "der" | undefined;
}

/** What {@link AbstractPkcs11.signDataBatch} signs, and how. */
export interface SignDataBatch extends Omit<SignData, "data"> {
  /** 1 to 1000 hashes in base64; the messages themselves for EdDSA and ML-DSA. */
  data: readonly string[];
}

/** Options of {@link AbstractPkcs11.signDataBatch}. */
export interface SignDataBatchOptions {
  /** Called now and then while the batch is signed, and at its end. */
  onProgress?: ((progress: BatchProgress) => void) | null | undefined;
  /** Cancels what is left of the batch. What was signed is not lost. */
  signal?: AbortSignal | null | undefined;
}

/** How far a batch has come. */
export interface BatchProgress {
  /** How many hashes have their signature or their error. */
  done: number;
  /** How many there are. */
  total: number;
}

/** What became of one hash of a batch: the base64 of its signature, or why there is none. */
export type BatchItem =
  | { signature: string; error?: undefined }
  | { signature?: undefined; error: RestException };

/** What {@link AbstractPkcs11.verifySignedData} verifies. */
export interface VerifySignedData {
  /** The slot that the token is in. */
  slot_id: SlotId;
  /** The `id` of the certificate whose key signed. */
  cert_id: string;
  /** How it was signed. */
  algorithm_reference: AlgorithmReference;
  /** The base64 of the hash; of the message itself for EdDSA and ML-DSA. */
  data: string;
  /** The base64 of the signature. */
  signature: string;
  /** As in {@link SignData}. */
  signature_format?: "raw" | "der" | undefined;
}

/** The response of {@link Client.hello}. */
export type HelloResponse = Response<Hello>;
/** The response of {@link Client.modules}. */
export type ModulesResponse = Response<Module[]>;
/** The response of {@link AbstractPkcs11.info}. */
export type InfoResponse = Response<Info>;
/** The response of {@link AbstractPkcs11.slots}. */
export type SlotsResponse = Response<Slot[]>;
/** The response of {@link AbstractPkcs11.token} for one slot. */
export type TokenResponse = Response<Token>;
/** The response of {@link AbstractPkcs11.token} for all slots. */
export type TokensResponse = Response<Token[]>;
/** The response of {@link AbstractPkcs11.certificates}. */
export type CertificatesResponse = Response<Certificate[]>;
/** The response of {@link AbstractPkcs11.certificates} with `parseCerts`. */
export type ParsedCertificatesResponse = Response<ParsedCertificate[]>;
/** The response of {@link AbstractPkcs11.signData}: the base64 of the signature. */
export type DataResponse = Response<string>;
/** The response of {@link AbstractPkcs11.signDataBatch}, in the order of the hashes. */
export type BatchResponse = Response<BatchItem[]>;
/** The response of {@link AbstractPkcs11.verifySignedData} and {@link AbstractPkcs11.logout}. */
export type BoolDataResponse = Response<boolean>;

/**
 * The functions of one PKCS#11 module.
 *
 * Each answers by its promise and, where one is given, by a callback. Failures are
 * {@link RestException}s.
 */
export interface AbstractPkcs11 {
  /** What the module says of itself. */
  info(callback?: Callback<InfoResponse>): Promise<InfoResponse>;

  /** The slots of the module. */
  slots(callback?: Callback<SlotsResponse>): Promise<SlotsResponse>;

  /** The slots that have a token in them. */
  slotsWithTokenPresent(callback?: Callback<SlotsResponse>): Promise<SlotsResponse>;

  /** The tokens in all slots. */
  token(callback?: Callback<TokensResponse>): Promise<TokensResponse>;
  /** The tokens in all slots. */
  token(slotId: null | undefined, callback?: Callback<TokensResponse>): Promise<TokensResponse>;
  /** The token in one slot. */
  token(slotId: SlotId, callback?: Callback<TokenResponse>): Promise<TokenResponse>;

  /** The certificates on the token in a slot, with what they say. */
  certificates(
    slotId: SlotId,
    options: CertificatesOptions & { parseCerts: true },
    callback?: Callback<ParsedCertificatesResponse>,
  ): Promise<ParsedCertificatesResponse>;
  /** The certificates on the token in a slot. */
  certificates(
    slotId: SlotId,
    options?: CertificatesOptions | null,
    callback?: Callback<CertificatesResponse>,
  ): Promise<CertificatesResponse>;
  /** The certificates on the token in a slot. */
  certificates(
    slotId: SlotId,
    callback: Callback<CertificatesResponse>,
  ): Promise<CertificatesResponse>;

  /**
   * Signs a hash with the key of a certificate. The bridge checks every signature against the
   * certificate before the page gets it. Where the token needs a PIN and `data` has none, the promise
   * waits until the user has entered it.
   */
  signData(data: SignData, callback?: Callback<DataResponse>): Promise<DataResponse>;

  /** Signs up to 1000 hashes with one PIN. */
  signDataBatch(data: SignDataBatch, callback: Callback<BatchResponse>): Promise<BatchResponse>;
  /**
   * Signs up to 1000 hashes with one PIN. Resolves to a signature or an error for each, in the order
   * of the hashes; rejects where nothing could be signed at all, as after a wrong PIN.
   *
   * Once `options.signal` is aborted, the bridge signs no more, and the promise resolves to the
   * signatures that it made, with 499/803 for the others. It rejects with 499/803 where nothing was
   * sent yet.
   */
  signDataBatch(
    data: SignDataBatch,
    options?: SignDataBatchOptions | null,
    callback?: Callback<BatchResponse>,
  ): Promise<BatchResponse>;

  /** Whether a signature is that of a certificate's key. Needs no PIN. */
  verifySignedData(
    data: VerifySignedData,
    callback?: Callback<BoolDataResponse>,
  ): Promise<BoolDataResponse>;

  /**
   * Ends the site's login, in all of its pages: the next signature needs the PIN again. Resolves to
   * whether there was one.
   */
  logout(callback?: Callback<BoolDataResponse>): Promise<BoolDataResponse>;
  /** Ends the site's login to the token in one slot; to all where it is `null` or `undefined`. */
  logout(
    slotId: SlotId | null | undefined,
    callback?: Callback<BoolDataResponse>,
  ): Promise<BoolDataResponse>;
}

/** The events of a {@link Client}. */
export interface ClientEventMap {
  /** The connection is there again. */
  open: CustomEvent<null>;
  /** The connection was lost, or closed by {@link Client.close}. */
  close: CustomEvent<CloseDetail>;
  /**
   * A token was put into a slot, or taken out of one.
   *
   * While somebody listens, the bridge watches the module of each {@link AbstractPkcs11} that the client has
   * given, now or later; where it has given none yet, that of `client.pkcs11()`. It has the user asked like a
   * call, where the site is not approved yet. Listeners are counted as by every `EventTarget`: `once` and
   * `signal` end them too, and with the last one the watching ends.
   *
   * Only changes are told: ask for the slots when {@link ClientEventMap.watch} says that watching has begun.
   */
  slot: CustomEvent<SlotDetail>;
  /** For who listens to {@link ClientEventMap.slot}: watching a module has begun, or has failed. */
  watch: CustomEvent<WatchDetail>;
  /** For developers: a frame was sent or received. */
  traffic: CustomEvent<TrafficDetail>;
}

/** Why the connection is gone. */
export interface CloseDetail {
  /**
   * The close code of the WebSocket: 1001 where the bridge stops, 1006 where the connection broke, 1008
   * where the user has revoked the approval of the site.
   */
  code: number;
  /** The reason that the bridge gave, often empty. */
  reason: string;
  /** Whether the client looks for the bridge again. */
  reconnecting: boolean;
}

/** What happened in a slot. */
export interface SlotDetail {
  kind: "inserted" | "removed";
  /** The name of the module in {@link Client.modules}. */
  module: string;
  /** The slot. */
  slot_id: SlotId;
  /** The token, as far as the module can read it; where it was removed, as it was. */
  token?: Token;
}

/** Whether the slots of a module are watched. */
export interface WatchDetail {
  /** What {@link Client.pkcs11} was called with, or the path of the `moduleConfig`; `undefined` for the default. */
  module: string | undefined;
  /**
   * `true`: from now on every change is told, and what changed before is not: at the beginning, on a new
   * connection, and where it works again after it failed. `false`: no change is told at the moment.
   */
  watching: boolean;
  /**
   * Why it is not watched. The client tries again by itself, after pauses that grow from half a second to half a
   * minute; after 401/500 not before a call of the page has succeeded, so that nobody is asked over and over.
   */
  error?: RestException | undefined;
}

/** A frame that was sent or received. */
export interface TrafficDetail {
  direction: "sent" | "received";
  /** The id of the request; `null` for an event of the bridge. */
  id: number | null;
  /** The JSON, exact but for the value of `pin`, which is "•••". */
  text: string;
}

/**
 * A connection to the bridge.
 *
 * Where the bridge was restarted, the client finds it again. Calls that were in flight are
 * rejected, as nothing is ever sent twice; later calls work.
 *
 * The first call of a site that its user has not approved yet waits, for up to a minute, while the
 * bridge asks the user. Without a yes it is rejected with 401/500.
 */
export interface Client {
  /**
   * The functions of a PKCS#11 module: the one of that name in {@link Client.modules}, else that
   * of the `moduleConfig` given to {@link connect}, else the bridge's default.
   */
  pkcs11(moduleName?: string | null): AbstractPkcs11;

  /** Who the bridge is and what it can do. */
  hello(callback?: Callback<HelloResponse>): Promise<HelloResponse>;

  /** The modules that the page may name. */
  modules(callback?: Callback<ModulesResponse>): Promise<ModulesResponse>;

  /** Ends the connection. Calls that wait are rejected with 500/999, and so is every later one. */
  close(): void;

  /** As `EventTarget.addEventListener`. */
  addEventListener<K extends keyof ClientEventMap>(
    type: K,
    listener:
      | ((event: ClientEventMap[K]) => void)
      | { handleEvent(event: ClientEventMap[K]): void }
      | null,
    options?: boolean | AddEventListenerOptions,
  ): void;

  /** As `EventTarget.removeEventListener`. */
  removeEventListener<K extends keyof ClientEventMap>(
    type: K,
    listener:
      | ((event: ClientEventMap[K]) => void)
      | { handleEvent(event: ClientEventMap[K]): void }
      | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** Options of {@link connect}. */
export interface ConnectOptions {
  /** The first and the last port that the bridge is looked for on, at most 32: `[24911, 24915]`. */
  ports?: readonly [first: number, last: number] | undefined;
  /** Names the PKCS#11 module by its file. */
  moduleConfig?: ModuleConfig | null | undefined;
  /**
   * For how many milliseconds the bridge may be silent about a call, before that is rejected with
   * 408/900. The progress of a batch counts as a sign of life.
   *
   * 600000 where it is missing, because any call may wait for the user, to whom the bridge gives a
   * minute for each question and each PIN. A shorter time gives up calls while a window of the bridge
   * is still open. A bridge that is gone is noticed at once, whatever this is.
   *
   * `connect` itself looks for the bridge for this long; for 60000 where it is missing.
   */
  timeout?: number | undefined;
}

/**
 * Connects to the bridge on this computer.
 *
 * Succeeds for sites that the bridge's user has not approved too: it is their first call that has the
 * user asked. Rejects with a {@link RestException}: 500/999 where no bridge answers, 400/801 for
 * options that are none.
 */
export function connect(options?: ConnectOptions | null): Promise<Client>;

/**
 * Hashes what is to be signed, however large, in constant memory and without holding up the page.
 * Resolves to the base64 of the hash, as {@link SignData.data} takes it.
 *
 * @param source a `Blob` or `File`, a stream of bytes, an `ArrayBuffer` or a view of one
 * @param algorithm `sha1`, `sha256`, `sha384` or `sha512`
 * @param onProgress called now and then, and at the end, with the number of bytes that were hashed
 *   and of those there are, `undefined` for a stream
 */
export function hash(
  source: Blob | ReadableStream<Uint8Array> | ArrayBufferLike | ArrayBufferView,
  algorithm: HashAlgorithm,
  onProgress?: ((loadedBytes: number, totalBytes: number | undefined) => void) | null,
): Promise<string>;

/** Where the PKCS#11 module stands on each platform. */
export class ModuleConfig {
  /**
   * The bridge takes only paths that are configured or detected on the user's computer. A platform
   * without a path gets the bridge's default module.
   */
  constructor(linux?: string | null, mac?: string | null, win?: string | null);
  linux?: string | null | undefined;
  mac?: string | null | undefined;
  win?: string | null | undefined;
}

/** Why a call failed: a row of the error table in the README. */
export class RestException extends Error {
  constructor(
    status: number,
    code: string,
    description: string,
    pkcs11?: string,
    options?: { cause?: unknown },
  );
  readonly name: "RestException";
  /** The status, in the manner of HTTP. */
  status: number;
  /** Tells apart what shares a status. */
  code: string;
  /** What happened and what to do; the same as `message`. */
  description: string;
  /** The return value of the PKCS#11 module, where there is one: `"CKR_PIN_INCORRECT"`. */
  pkcs11: string | undefined;
}
