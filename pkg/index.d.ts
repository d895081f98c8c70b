/** The id of a slot: a number. Beyond 2^53 − 1, a string with its decimal digits. */
export type SlotId = number | string;

/** A number. Beyond 2^53 − 1, which JavaScript numbers round, a string with its decimal digits. */
export type WholeNumber = number | string;

/**
 * The algorithm of a signature. The case does not matter, and `SHA-256` is the same as `sha256`.
 *
 * - `sha1`, `sha256`, `sha3-256` and so on: PKCS#1 v1.5 for an RSA key, ECDSA for an EC key, PSS
 *   for an RSA key whose certificate is for PSS only.
 * - `RS…`: RSA PKCS#1 v1.5. `PS…`: RSA-PSS with a salt of the hash's length. `ES…`: ECDSA.
 * - `EdDSA`, `ML-DSA-…`: sign the message, not a hash of it.
 */
export type AlgorithmReference =
  | HashAlgorithm
  | "RS256" | "RS384" | "RS512"
  | "PS256" | "PS384" | "PS512"
  | "ES256" | "ES384" | "ES512"
  | "EdDSA"
  | "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87"
  | (string & {});

/** A hash function. The case does not matter, and `SHA-256` is the same as `sha256`. */
export type HashAlgorithm =
  | "sha1" | "sha224" | "sha256" | "sha384" | "sha512"
  | "sha3-224" | "sha3-256" | "sha3-384" | "sha3-512"
  | (string & {});

/** The result of a successful call. */
export interface Response<T> {
  data: T;
  success: true;
}

/**
 * The client calls it once, as `callback(null, response)` or as `callback(error, undefined)`. If
 * you pass a callback, you can ignore the promise: it never causes an `unhandledrejection` event.
 */
export type Callback<R> = (
  ...outcome: [error: null, response: R] | [error: RestException, response: undefined]
) => void;

/** The name, the version and the methods of the bridge. */
export interface Hello {
  /** `"pkcs11-bridge"`. */
  name: string;
  /** The version of the bridge. */
  version: string;
  /** The sub-protocol of the WebSocket, `"pkcs11-bridge.v1"`. */
  protocol: string;
  /** The methods that the bridge has. */
  methods: string[];
  /**
   * Where the bridge takes PINs from. Leave `pin` out of calls: that works with both values. If the
   * reader has a pinpad, the user always enters the PIN there.
   *
   * - `native`: from a window of the bridge. A call with a `pin` is rejected with 400/801.
   * - `page-or-native`: from the call. If the call has no `pin`, from a window of the bridge.
   */
  pin_entry: "native" | "page-or-native";
  /**
   * The ports before the bridge's own that programs of other users of the computer hold. Missing if
   * there are none.
   */
  skipped_ports?: { port: number }[] | undefined;
}

/** A PKCS#11 module that the page may use. */
export interface Module {
  /** The name of the module, for {@link Client.pkcs11}. */
  name: string;
  /** The description of the module, for people. */
  description: string;
  /**
   * The state of the module for this site.
   *
   * - `available`: not started. The next call starts it.
   * - `running`: started.
   * - `missing`: the file of the module does not exist.
   * - `not_ready`: answered an error when it was last started, for example because its device is
   *   missing. The next call starts it again.
   * - `set_aside`: suspended after repeated failures. Calls fail until the suspension ends.
   */
  state: "available" | "running" | "missing" | "not_ready" | "set_aside";
}

/** The description of a PKCS#11 module (`CK_INFO`). */
export interface Info {
  /** The version of PKCS#11 that the module implements: "major.minor". */
  cryptoki_version: string;
  /** The manufacturer of the module. */
  manufacturer_id: string;
  /** Reserved by the standard: 0. */
  flags: number;
  /** The description of the module. */
  library_description: string;
  /** The version of the module: "major.minor". */
  library_version: string;
}

/** A slot (`CK_SLOT_INFO`). */
export interface Slot {
  /** The id of the slot, for `slot_id` in calls. */
  slot_id: SlotId;
  /** The description of the slot, often the name of the reader. */
  description: string;
  /** The sum of these: 1 token present, 2 removable device, 4 hardware slot. */
  flags: number;
  /** Version "major.minor". */
  hardware_version: string;
  /** Version "major.minor". */
  firmware_version: string;
}

/**
 * A token (`CK_TOKEN_INFO`).
 *
 * A number is `null` if the token does not report it. PIN lengths and memory are in bytes. Texts
 * have no padding. If a text of the token is not in UTF-8, it is read as Latin-1.
 */
export interface Token {
  /** The slot of the token. */
  slot_id: SlotId;
  /** The label that the token got when it was initialised. */
  label: string;
  /** The manufacturer of the token. */
  manufacturer_id: string;
  /** The model of the token. */
  model: string;
  /** The serial number of the token. */
  serial_number: string;
  /** The flags of `CK_TOKEN_INFO`, as a sum of 32 bits. */
  flags: number;
  /** The most sessions that one application may open. */
  max_session_count: WholeNumber | "unlimited" | null;
  /** The sessions that are open. */
  session_count: WholeNumber | null;
  /** The most read/write sessions that one application may open. */
  max_rw_session_count: WholeNumber | "unlimited" | null;
  /** The read/write sessions that are open. */
  rw_session_count: WholeNumber | null;
  /** The length of the longest PIN. */
  max_pin_length: WholeNumber | null;
  /** The length of the shortest PIN. */
  min_pin_length: WholeNumber | null;
  /** The memory for public objects. */
  total_public_memory: WholeNumber | null;
  /** The free memory for public objects. */
  free_public_memory: WholeNumber | null;
  /** The memory for private objects. */
  total_private_memory: WholeNumber | null;
  /** The free memory for private objects. */
  free_private_memory: WholeNumber | null;
  /** Version "major.minor". */
  hardware_version: string;
  /** Version "major.minor". */
  firmware_version: string;
}

/** A certificate on a token. */
export interface Certificate {
  /**
   * The id of the certificate, for `cert_id` in calls: `CKA_ID` in lower-case hex. If `CKA_ID` is
   * empty or not unique on the token: `sha256:` and the SHA-256 fingerprint in hex.
   */
  id: string;
  /** The certificate in DER, as base64. */
  base64: string;
  /** The label of the certificate on the token (`CKA_LABEL`). */
  label: string;
}

/** A certificate with its parsed content. */
export interface ParsedCertificate extends Certificate {
  /** The content; `null` if the certificate cannot be parsed. */
  parsed: CertificateContent | null;
  /** Why the certificate cannot be parsed. */
  parse_error?: string;
}

/**
 * The content of a certificate (RFC 5280). The client does not verify it. A field that the client
 * cannot read is `null`.
 */
export interface CertificateContent {
  /** The subject as in RFC 4514, such as `"CN=Ada Lovelace,O=Example,C=GB"`. */
  subject: string | null;
  /** The issuer as in RFC 4514. */
  issuer: string | null;
  /** The serial number in lower-case hex. */
  serial_number: string | null;
  /** The start of the validity: ISO 8601 in UTC, such as `"2026-01-31T12:00:00Z"`. */
  not_before: string | null;
  /** The end of the validity: ISO 8601 in UTC. */
  not_after: string | null;
  /** The type of the key. For other types, an OID in dotted decimals. */
  key_type:
    | "RSA"
    | "EC"
    | "Ed25519" | "Ed448"
    | "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87"
    | (string & {})
    | null;
  /** The size of the key in bits; `null` also if it is not known. */
  key_size: number | null;
  /** The curve, such as `"P-256"`, or its OID; `null` also for keys without a curve. */
  curve: string | null;
  /** The key usages; empty if the certificate does not restrict them. */
  key_usage: KeyUsage[] | null;
  /** The names of RFC 5280, section 4.2.1.12, such as `"clientAuth"`. For other usages, an OID. */
  extended_key_usage: string[] | null;
  /** The SHA-256 hash of the certificate in lower-case hex. */
  fingerprint_sha256: string;
}

/** A permitted use of a key (RFC 5280, section 4.2.1.3). */
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

/** A key on a token that has no certificate there. */
export interface Key {
  /**
   * The id of the key, for `cert_id`: `"key:"` and the SHA-256 hash of `public_key` in hex. The
   * same key has the same id on every token.
   */
  id: string;
  /** The label that the token has for the key. */
  label: string;
  /** The type of the key. */
  key_type:
    | "RSA"
    | "EC"
    | "Ed25519" | "Ed448"
    | "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87"
    | (string & {});
  /** The size of the key in bits; `null` for types that have none. */
  key_size: number | null;
  /** The curve of an EC key, such as `"P-256"`. */
  curve: string | null;
  /** The public key in base64: a `SubjectPublicKeyInfo` in DER, WebCrypto's `"spki"`. */
  public_key: string;
}

/** Options of {@link AbstractPkcs11.keys}. */
export interface KeysOptions {
  /**
   * Whether to log in first, because most tokens show private keys only then. The bridge asks the
   * user for the PIN, unless the page is logged in. This login lets the page sign nothing.
   */
  login?: boolean | undefined;
}

/** Options of {@link AbstractPkcs11.certificates}. */
export interface CertificatesOptions {
  /** Whether the client adds `parsed` to each certificate. */
  parseCerts?: boolean | undefined;
  /**
   * Whether to log in first, because some tokens show some certificates only then. The bridge asks
   * the user for the PIN, unless the page is logged in. This login lets the page sign nothing.
   */
  login?: boolean | undefined;
}

/** The argument of {@link AbstractPkcs11.signData}: a hash or a message, and how to sign it. */
export type SignData = SigningOptions & (HashToSign | MessageToSign);

/** A hash to sign. */
export interface HashToSign {
  /** The hash in base64. For EdDSA and ML-DSA, the message itself. */
  data: string;
  message?: undefined;
}

/** A message to hash and sign. */
export interface MessageToSign {
  /**
   * The message in base64. The bridge hashes it, or the token does if it signs no hash.
   */
  message: string;
  data?: undefined;
}

/** With which key to sign, and how. */
export interface SigningOptions {
  /** The slot of the token. */
  slot_id: SlotId;
  /** The `id` of the certificate whose key signs, or of a key that has none. */
  cert_id: string;
  /** The algorithm of the signature. */
  algorithm_reference: AlgorithmReference;
  /**
   * Leave it out. If the token needs a PIN, the bridge asks the user in its own window, and the
   * page never sees the PIN.
   *
   * A page that asks for the PIN itself passes it here. The client sends it only to a bridge that
   * has proved its key.
   */
  pin?: string | undefined;
  /** The encoding of an ECDSA signature: r and s concatenated (`"raw"`, the default), or DER. */
  signature_format?: "raw" | "der" | undefined;
  /**
   * The document behind the hash. The bridge shows it to the user and says that this page claims
   * it. It changes nothing else.
   */
  document?: SignedDocument | undefined;
}

/** What the page says about the document behind a hash. */
export interface SignedDocument {
  /** The name, such as the file's. */
  name: string;
  /** The size in bytes. */
  size?: number | undefined;
}

/** The argument of {@link AbstractPkcs11.signDataBatch}. */
export interface SignDataBatch extends SigningOptions {
  /** 1 to 1000 hashes in base64. For EdDSA and ML-DSA, the messages themselves. */
  data: readonly string[];
  /** The document behind each hash, in the order of `data`. */
  documents?: readonly (SignedDocument | null | undefined)[] | undefined;
}

/** Options of {@link AbstractPkcs11.signDataBatch}. */
export interface SignDataBatchOptions {
  /** The client calls it from time to time while the bridge signs, and once at the end. */
  onProgress?: ((progress: BatchProgress) => void) | null | undefined;
  /** Cancels the rest of the batch. The signatures that exist already are kept. */
  signal?: AbortSignal | null | undefined;
}

/** The progress of a batch. */
export interface BatchProgress {
  /** The number of hashes that have a signature or an error. */
  done: number;
  /** The number of hashes in the batch. */
  total: number;
}

/** The outcome for one hash of a batch: the signature in base64, or the error. */
export type BatchItem =
  | { signature: string; error?: undefined }
  | { signature?: undefined; error: RestException };

/** The argument of {@link AbstractPkcs11.authenticate}. */
export interface Authenticate {
  /** The slot of the token. */
  slot_id: SlotId;
  /** The `id` of the certificate whose key proves the user's identity. */
  cert_id: string;
  /** 16 to 1024 random bytes in base64, which the site's server has made for this login. */
  challenge: string;
}

/** The proof of the user's identity, for `verifyAuthentication` on the site's server. */
export interface Authentication {
  /** What is signed: `"pkcs11-bridge authenticate v1"`. */
  format: string;
  /** The algorithm of the signature, by the names of JSON Web Algorithms. */
  algorithm: "PS256" | "RS256" | "ES256" | "ES384" | "ES512" | "EdDSA" | (string & {});
  /** The signature in base64. Of an ECDSA signature, r and s concatenated. */
  signature: string;
  /** The user's certificate in DER, as base64. */
  certificate: string;
}

/** The argument of {@link AbstractPkcs11.verifySignedData}. */
export interface VerifySignedData {
  /** The slot of the token. */
  slot_id: SlotId;
  /** The `id` of the certificate whose key signed, or of a key that has none. */
  cert_id: string;
  /** The algorithm of the signature. */
  algorithm_reference: AlgorithmReference;
  /** The hash in base64. For EdDSA and ML-DSA, the message itself. */
  data: string;
  /** The signature in base64. */
  signature: string;
  /** As in {@link SigningOptions.signature_format}. */
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
export type CertificatesResponse = CertificateListResponse<Certificate>;
/** The response of {@link AbstractPkcs11.certificates} with `parseCerts`. */
export type ParsedCertificatesResponse = CertificateListResponse<ParsedCertificate>;
/** A list of certificates. */
export interface CertificateListResponse<C> extends Response<C[]> {
  /**
   * Whether the token may show more certificates after a login: see `login` of the options. `false`
   * if the site is logged in.
   */
  login_required: boolean;
}
/** The response of {@link AbstractPkcs11.keys}. */
export interface KeysResponse extends Response<Key[]> {
  /** Whether the token may show more keys after a login. `false` if the site is logged in. */
  login_required: boolean;
}
/** The response of {@link AbstractPkcs11.signData}: the signature in base64. */
export type DataResponse = Response<string>;
/** The response of {@link AbstractPkcs11.authenticate}. */
export type AuthenticationResponse = Response<Authentication>;
/** The response of {@link AbstractPkcs11.signDataBatch}, in the order of the hashes. */
export type BatchResponse = Response<BatchItem[]>;
/** The response of {@link AbstractPkcs11.verifySignedData} and {@link AbstractPkcs11.logout}. */
export type BoolDataResponse = Response<boolean>;

/**
 * The functions of one PKCS#11 module.
 *
 * Each function returns a promise. If you pass a callback, the client calls it too. Promises reject
 * with a {@link RestException}.
 */
export interface AbstractPkcs11 {
  /** Returns the description of the module. */
  info(callback?: Callback<InfoResponse>): Promise<InfoResponse>;

  /** Returns the slots of the module. */
  slots(callback?: Callback<SlotsResponse>): Promise<SlotsResponse>;

  /** Returns the slots that have a token. */
  slotsWithTokenPresent(callback?: Callback<SlotsResponse>): Promise<SlotsResponse>;

  /** Returns the tokens in all slots. */
  token(callback?: Callback<TokensResponse>): Promise<TokensResponse>;
  /** Returns the tokens in all slots. */
  token(slotId: null | undefined, callback?: Callback<TokensResponse>): Promise<TokensResponse>;
  /** Returns the token in one slot. */
  token(slotId: SlotId, callback?: Callback<TokenResponse>): Promise<TokenResponse>;

  /** Returns the certificates on the token in a slot, with their parsed content. */
  certificates(
    slotId: SlotId,
    options: CertificatesOptions & { parseCerts: true },
    callback?: Callback<ParsedCertificatesResponse>,
  ): Promise<ParsedCertificatesResponse>;
  /** Returns the certificates on the token in a slot. */
  certificates(
    slotId: SlotId,
    options?: CertificatesOptions | null,
    callback?: Callback<CertificatesResponse>,
  ): Promise<CertificatesResponse>;
  /** Returns the certificates on the token in a slot. */
  certificates(
    slotId: SlotId,
    callback: Callback<CertificatesResponse>,
  ): Promise<CertificatesResponse>;
  /** Returns the keys on the token in a slot that have no certificate there. */
  keys(
    slotId: SlotId,
    options?: KeysOptions | null,
    callback?: Callback<KeysResponse>,
  ): Promise<KeysResponse>;
  /** Returns the keys on the token in a slot that have no certificate there. */
  keys(slotId: SlotId, callback: Callback<KeysResponse>): Promise<KeysResponse>;

  /**
   * Signs a hash or a message with the key of a certificate. Bridge and client check every
   * signature against the certificate before the page gets it. If the token needs a PIN and `data`
   * has none, the promise waits until the user has entered it.
   */
  signData(data: SignData, callback?: Callback<DataResponse>): Promise<DataResponse>;

  /** Signs up to 1000 hashes with one PIN. */
  signDataBatch(data: SignDataBatch, callback: Callback<BatchResponse>): Promise<BatchResponse>;
  /**
   * Signs up to 1000 hashes with one PIN. Resolves to a signature or an error for each hash, in the
   * order of the hashes. Rejects if the bridge could not sign at all, for example after a wrong
   * PIN.
   *
   * When `options.signal` is aborted, the bridge stops signing. The promise then resolves to the
   * signatures that exist, and to the error 499/803 for the other hashes. If the client has not
   * sent the batch yet, the promise rejects with 499/803.
   */
  signDataBatch(
    data: SignDataBatch,
    options?: SignDataBatchOptions | null,
    callback?: Callback<BatchResponse>,
  ): Promise<BatchResponse>;

  /**
   * Proves to the site's server who the user is. The key signs the page's origin and the challenge,
   * in a form that no document and no TLS handshake has. The server checks the result with
   * `verifyAuthentication` of `pkcs11-bridge-client/server`. If the token needs a PIN, the bridge
   * asks the user.
   */
  authenticate(
    request: Authenticate,
    callback?: Callback<AuthenticationResponse>,
  ): Promise<AuthenticationResponse>;

  /** Returns whether a signature is valid for a certificate. Needs no PIN. */
  verifySignedData(
    data: VerifySignedData,
    callback?: Callback<BoolDataResponse>,
  ): Promise<BoolDataResponse>;

  /**
   * Ends the login of the site in all of its pages. The next signature needs the PIN again.
   * Resolves to `false` if the site was not logged in.
   */
  logout(callback?: Callback<BoolDataResponse>): Promise<BoolDataResponse>;
  /** Ends the login to the token in one slot. `null` and `undefined` mean all slots. */
  logout(
    slotId: SlotId | null | undefined,
    callback?: Callback<BoolDataResponse>,
  ): Promise<BoolDataResponse>;
}

/** The events of a {@link Client}. */
export interface ClientEventMap {
  /** The client has connected to the bridge again. */
  open: CustomEvent<null>;
  /** The connection was lost, or {@link Client.close} closed it. */
  close: CustomEvent<CloseDetail>;
  /**
   * A token was inserted into a slot or removed from it.
   *
   * While this event has a listener, the bridge watches the module of each {@link AbstractPkcs11}
   * of this client, including later ones. If the client has none yet, the bridge watches the module
   * of `client.pkcs11()`. If the site is not approved, the bridge asks the user first, as for a
   * call.
   *
   * Watching ends with the last listener. Listeners also end by `once` and `signal`, as for every
   * `EventTarget`.
   *
   * The event reports changes only. Call `slots` when {@link ClientEventMap.watch} reports that
   * watching has begun.
   */
  slot: CustomEvent<SlotDetail>;
  /** Watching a module for {@link ClientEventMap.slot} has begun or has failed. */
  watch: CustomEvent<WatchDetail>;
  /** The client sent or received a frame. Meant for developers. */
  traffic: CustomEvent<TrafficDetail>;
}

/** Why the connection was closed. */
export interface CloseDetail {
  /**
   * The close code of the WebSocket (RFC 6455, section 7.4).
   *
   * - 1001: the bridge stops.
   * - 1006: the connection was lost.
   * - 1008: the user has revoked the approval of the site.
   */
  code: number;
  /** The reason that the bridge sent; often empty. */
  reason: string;
  /** Whether the client tries to connect again. */
  reconnecting: boolean;
}

/** A change in a slot. */
export interface SlotDetail {
  /** Whether the token was inserted or removed. */
  kind: "inserted" | "removed";
  /** The name of the module, as in {@link Client.modules}. */
  module: string;
  /** The slot. */
  slot_id: SlotId;
  /**
   * The token; missing if the module could not read it. If the token was removed, its last known
   * state.
   */
  token?: Token;
}

/** Whether the bridge watches the slots of a module. */
export interface WatchDetail {
  /**
   * The argument of {@link Client.pkcs11}, or the path of the `moduleConfig`; `undefined` for the
   * default module of the bridge.
   */
  module: string | undefined;
  /**
   * `true`: the client reports every change from now on. It does not report earlier changes. This
   * happens at the beginning, on a new connection, and when watching works again after a failure.
   *
   * `false`: the client reports no changes at the moment.
   */
  watching: boolean;
  /**
   * Why the bridge does not watch the module. The client tries again after pauses that grow from
   * 0.5 to 30 seconds. After 401/500 it first waits until a call of the page has succeeded.
   * Otherwise the bridge would ask the user again and again.
   */
  error?: RestException | undefined;
}

/** A frame that the client sent or received. */
export interface TrafficDetail {
  /** Whether the client sent or received the frame. */
  direction: "sent" | "received";
  /** The id of the request; `null` for an event of the bridge. */
  id: number | null;
  /** The JSON of the frame. The value of `pin` is replaced by "•••". */
  text: string;
}

/**
 * A connection to the bridge.
 *
 * If the bridge restarts, the client connects to it again. It rejects calls that were in flight,
 * because it never sends a call twice. Later calls work.
 *
 * If the user has not approved the site yet, the bridge asks the user at the first call. The call
 * waits for up to a minute. If the user does not agree, the call is rejected with 401/500.
 */
export interface Client {
  /**
   * Returns the functions of a PKCS#11 module. `moduleName` is a name from {@link Client.modules}.
   * If it is missing, the client uses the `moduleConfig` of {@link connect}. If that is missing
   * too, the bridge uses its default module.
   */
  pkcs11(moduleName?: string | null): AbstractPkcs11;

  /**
   * The fingerprint of the bridge's key, as `pkcs11-bridge key` shows it. `undefined` until the
   * bridge has proved it. If the site is approved, it has done so before {@link connect} resolves,
   * and otherwise before the first call succeeds.
   */
  readonly bridgeKey: string | undefined;

  /** Returns the name, the version and the methods of the bridge. */
  hello(callback?: Callback<HelloResponse>): Promise<HelloResponse>;

  /** Returns the modules that the page may use. */
  modules(callback?: Callback<ModulesResponse>): Promise<ModulesResponse>;

  /** Closes the connection. The client rejects waiting and later calls with 500/999. */
  close(): void;

  /** Like `EventTarget.addEventListener`. */
  addEventListener<K extends keyof ClientEventMap>(
    type: K,
    listener:
      | ((event: ClientEventMap[K]) => void)
      | { handleEvent(event: ClientEventMap[K]): void }
      | null,
    options?: boolean | AddEventListenerOptions,
  ): void;

  /** Like `EventTarget.removeEventListener`. */
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
  /** The first and the last port to try, at most 32 ports. The default is `[24911, 24915]`. */
  ports?: readonly [first: number, last: number] | undefined;
  /** The PKCS#11 module, by the path of its file. */
  moduleConfig?: ModuleConfig | null | undefined;
  /**
   * The time in milliseconds that a call waits for a message about it from the bridge. After that,
   * the client rejects the call with 408/900. Each progress event of a batch starts the time again.
   *
   * The default is 600000, because any call may wait for the user. The user has a minute for each
   * question and for each PIN. With a shorter time, a call can fail while a window of the bridge is
   * still open. If the connection is lost, calls fail at once in any case.
   *
   * `connect` also uses this time to find the bridge. Its default there is 60000.
   */
  timeout?: number | undefined;
  /**
   * The fingerprint of the bridge's key, or several: the 64 hexadecimal digits that
   * `pkcs11-bridge key` shows. The client takes only a bridge that proves one of these keys.
   *
   * Without it, the client takes the bridge that it knows. On the first contact of the site it
   * takes the only program that answers as a bridge, and remembers its key in IndexedDB.
   */
  bridgeKey?: string | readonly string[] | null | undefined;
  /**
   * Whether the client checks each signature before the page gets it. The default is `true`. The
   * bridge checks signatures in any case.
   */
  verify?: boolean | undefined;
}

/**
 * Connects to the bridge on this computer.
 *
 * It also succeeds if the user has not approved the site: the bridge asks the user at the first
 * call. Rejects with a {@link RestException}:
 *
 * - 409/804: the bridge has another key than the page expects.
 * - 409/805: a program answers as the bridge, but does not prove its key.
 * - 409/806: several programs answer as the bridge, and the page knows the key of none.
 * - 500/999: no bridge answers.
 * - 400/801: an option is wrong.
 */
export function connect(options?: ConnectOptions | null): Promise<Client>;

/**
 * Forgets the bridge's key that the site knows. The next {@link connect} takes the bridge that it
 * finds. Call it after 409/804, if the user has agreed.
 */
export function forgetBridgeKey(): Promise<void>;

/**
 * Hashes a message of any size. It uses constant memory and does not block the page. Resolves to
 * the hash in base64, for {@link HashToSign.data}.
 *
 * @param source a `Blob`, a `File`, a stream of bytes, an `ArrayBuffer`, or a view of one
 * @param algorithm `sha1`, `sha224`, `sha256`, `sha384` or `sha512`
 * @param onProgress the client calls it from time to time, and at the end, with the number of bytes
 *   that are hashed and the number of all bytes (`undefined` for a stream)
 */
export function hash(
  source: Blob | ReadableStream<Uint8Array> | ArrayBufferLike | ArrayBufferView,
  algorithm: HashAlgorithm,
  onProgress?: ((loadedBytes: number, totalBytes: number | undefined) => void) | null,
): Promise<string>;

/** The path of the PKCS#11 module on each platform. */
export class ModuleConfig {
  /**
   * The bridge accepts only paths of modules that are configured or detected on the user's
   * computer. If the path of a platform is missing, the bridge uses its default module there.
   */
  constructor(linux?: string | null, mac?: string | null, win?: string | null);
  linux?: string | null | undefined;
  mac?: string | null | undefined;
  win?: string | null | undefined;
}

/** Why a call failed. The README has a table of the errors. */
export class RestException extends Error {
  constructor(
    status: number,
    code: string,
    description: string,
    pkcs11?: string,
    options?: { cause?: unknown },
  );
  readonly name: "RestException";
  /** The status. It has the meaning of the same HTTP status. */
  status: number;
  /** Distinguishes errors that have the same status. */
  code: string;
  /** What happened and what to do; the same as `message`. */
  description: string;
  /**
   * The return value of the PKCS#11 module, such as `"CKR_PIN_INCORRECT"`; `undefined` if the error
   * has none.
   */
  pkcs11: string | undefined;
}
