// Types of pkcs11-bridge-client/server.

/** Makes a challenge for one login: 32 random bytes in base64. */
export function createChallenge(): string;

/**
 * Checks what the page got from `authenticate`. Resolves if the user's key has signed this
 * challenge for this origin and the certificate may be trusted. Rejects with an
 * {@link AuthenticationError} otherwise, and with a `TypeError` if an option of yours is wrong.
 *
 * It does not check whether a certificate is revoked (CRL, OCSP). Do that in `isTrusted`.
 */
export function verifyAuthentication(options: VerifyOptions): Promise<VerifiedAuthentication>;

/** Options of {@link verifyAuthentication}: `trustedIssuers` or `isTrusted`, or both. */
export type VerifyOptions = LoginOptions &
  (
    | { trustedIssuers: readonly CertificateSource[]; isTrusted?: TrustCheck | undefined }
    | { trustedIssuers?: undefined; isTrusted: TrustCheck }
  );

/** The part of {@link VerifyOptions} that does not choose whose users may log in. */
export interface LoginOptions {
  /** The `data` of `authenticate`, as the page has sent it. It may be anything. */
  response: unknown;
  /** The challenge that the server made for this login. Never take it from the page. */
  challenge: string;
  /** The origin of your pages, such as `https://app.example`. Never take it from the page. */
  origin: string;
  /** Certificates of authorities between a trusted issuer and the user. */
  intermediates?: readonly CertificateSource[] | undefined;
  /**
   * The extended key usages that a certificate needs one of, as OIDs. Default: client
   * authentication, smart-card logon and the PKINIT client. Certificates without the extension pass
   * too. `null` accepts all.
   */
  extendedKeyUsage?: readonly string[] | null | undefined;
  /** The time at which the certificates have to be valid. Default: now. */
  at?: Date | undefined;
}

/** One or more certificates in PEM, or one in DER. */
export type CertificateSource = string | ArrayBuffer | ArrayBufferView;

/**
 * Returns whether the user of this certificate may log in: `true` or nothing else. Without
 * `trustedIssuers`, nobody has checked who issued it. Then compare the `fingerprint` with one that
 * you know.
 *
 * @param issuers The certificates of the authorities, up to the trusted issuer.
 */
export type TrustCheck = (
  certificate: CertificateFacts,
  issuers: readonly CertificateFacts[],
) => boolean | Promise<boolean>;

/** A login that was checked. */
export interface VerifiedAuthentication {
  /** The user's certificate. */
  certificate: CertificateFacts;
  /**
   * The certificates of the authorities, up to the trusted issuer. Empty without
   * `trustedIssuers`.
   */
  issuers: CertificateFacts[];
  /** The algorithm of the signature. */
  algorithm: "PS256" | "RS256" | "ES256" | "ES384" | "ES512" | "EdDSA";
}

/** The content of a certificate. */
export interface CertificateFacts {
  /** Whose key it is. */
  subject: DistinguishedName;
  /** Who issued the certificate. */
  issuer: DistinguishedName;
  /** The serial number in lower-case hex. Unique together with the issuer. */
  serialNumber: string;
  /** The start of the validity. */
  notBefore: Date;
  /** The end of the validity. */
  notAfter: Date;
  /** The names of RFC 5280, such as `"digitalSignature"`; empty if nothing is restricted. */
  keyUsage: string[];
  /** OIDs in dotted decimals; empty if nothing is restricted. */
  extendedKeyUsage: string[];
  /** The e-mail addresses among the alternative names of the subject. */
  emails: string[];
  /** The user principal names (Microsoft) among the alternative names of the subject. */
  userPrincipalNames: string[];
  /** `sha256:` and the SHA-256 hash of the certificate in lower-case hex. */
  fingerprint: string;
  /** The public key as `SubjectPublicKeyInfo` in DER, as base64. */
  publicKey: string;
  /** The certificate in DER, as base64. */
  base64: string;
}

/** A name in a certificate. */
export interface DistinguishedName {
  /** As in RFC 4514, such as `"CN=Ada Lovelace,O=Example,C=GB"`. For people, not to compare. */
  text: string;
  /** The attributes in the order of the certificate. The type is a short name or an OID. */
  attributes: { type: string; value: string }[];
}

/** The login is refused. */
export class AuthenticationError extends Error {
  constructor(code: AuthenticationErrorCode, message: string, options?: { cause?: unknown });
  readonly name: "AuthenticationError";
  readonly code: AuthenticationErrorCode;
}

/**
 * Why a login is refused.
 *
 * - `malformed_response`: the response is not one of `authenticate`.
 * - `wrong_signature`: another challenge, another origin, another key, or forged.
 * - `certificate`: a certificate cannot be read, or has a critical extension that is not known.
 * - `expired`, `not_yet_valid`: a certificate is not valid at the time.
 * - `wrong_purpose`: the certificate is not for authentication.
 * - `weak_key`: an RSA key has less than 2048 bits.
 * - `unsupported_algorithm`: WebCrypto or this package does not have the algorithm.
 * - `untrusted`: no trusted issuer has issued the certificate.
 * - `rejected`: `isTrusted` did not return `true`.
 */
export type AuthenticationErrorCode =
  | "malformed_response"
  | "wrong_signature"
  | "certificate"
  | "expired"
  | "not_yet_valid"
  | "wrong_purpose"
  | "weak_key"
  | "unsupported_algorithm"
  | "untrusted"
  | "rejected";
