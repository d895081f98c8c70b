//! OpenSSL's command line, as an independent verifier and signer.

use std::path::Path;

use der::asn1::UintRef;
use der::{Encode, Sequence};

use crate::program::{run, tool};
use crate::secrets;
use crate::token::CertifiedKey;

/// Whether a signature over a hash was made with a certificate's key. The algorithm's name and the
/// key select the scheme: PSS for `PS…`, such as `PS256` or `PS sha3-256`, with a salt as long as
/// the hash, PKCS#1 v1.5 for other RSA keys, ECDSA in DER for EC keys.
pub fn verifies(certificate: &Path, algorithm: &str, hash: &[u8], signature: &[u8]) -> bool {
    let name = algorithm.strip_prefix("PS ").unwrap_or(algorithm);
    let function = if name.starts_with("sha3-") { name } else { function(hash) };
    let digest = format!("digest:{function}");
    let mut options = vec!["-pkeyopt", &digest];
    if algorithm.starts_with("PS") {
        options.extend(["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]);
    }
    verify(certificate, hash, signature, &options)
}

/// As [`verifies`], with a `SubjectPublicKeyInfo` in DER.
pub fn verifies_by_key(key: &[u8], algorithm: &str, hash: &[u8], signature: &[u8]) -> bool {
    assert!(!algorithm.starts_with("PS"), "PKCS#1 v1.5 and ECDSA only");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), key).expect("a file");
    let digest = format!("digest:{}", function(hash));
    let options = ["-keyform", "DER", "-pkeyopt", &digest];
    verify_with("-pubin", file.path(), hash, signature, &options)
}

/// Whether a signature over a message was made with a certificate's Ed25519 key.
pub fn verifies_message(certificate: &Path, message: &[u8], signature: &[u8]) -> bool {
    verify(certificate, message, signature, &["-rawin"])
}

fn verify(certificate: &Path, input: &[u8], signature: &[u8], options: &[&str]) -> bool {
    verify_with("-certin", certificate, input, signature, options)
}

fn verify_with(kind: &str, key: &Path, input: &[u8], signature: &[u8], options: &[&str]) -> bool {
    secrets::register_data(input);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path
    };
    let mut command = tool("openssl");
    command.args(["pkeyutl", "-verify", kind, "-inkey"]).arg(key).args(options);
    command.arg("-in").arg(file("input", input)).arg("-sigfile").arg(file("signature", signature));
    let output = command.output().expect("openssl");
    let text = String::from_utf8_lossy(&output.stdout);
    let verified = text.contains("Signature Verified Successfully");
    let rejected = text.contains("Signature Verification Failure");
    assert_ne!(
        verified,
        rejected,
        "{command:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    verified
}

/// Signs a hash with the key file, without a token: PKCS#1 v1.5, or ECDSA in DER.
pub fn sign(key: &CertifiedKey, hash: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hash");
    std::fs::write(&file, hash).expect("a file");
    let mut command = tool("openssl");
    command.args(["pkeyutl", "-sign", "-inkey"]).arg(key.private_key()).arg("-in").arg(file);
    command.args(["-pkeyopt", &format!("digest:{}", function(hash))]);
    let output = command.output().expect("openssl");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The public key of a certificate, as `SubjectPublicKeyInfo` in DER.
pub fn public_key(certificate: &Path) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (pem, der) = (folder.path().join("key.pem"), folder.path().join("key.der"));
    run(tool("openssl")
        .args(["x509", "-noout", "-pubkey", "-in"])
        .arg(certificate)
        .arg("-out")
        .arg(&pem));
    run(tool("openssl")
        .args(["pkey", "-pubin", "-outform", "DER", "-in"])
        .arg(&pem)
        .arg("-out")
        .arg(&der));
    std::fs::read(der).expect("the key")
}

/// The subject and the issuer of a certificate.
pub fn names(certificate: &Path) -> (String, String) {
    let name = |which: &str| {
        let mut command = tool("openssl");
        let output = command.args(["x509", "-noout", which, "-in"]).arg(certificate).output();
        let text = String::from_utf8(output.expect("openssl").stdout).expect("a name");
        text.split_once('=').expect("a name").1.trim().to_owned()
    };
    (name("-subject"), name("-issuer"))
}

/// Converts an ECDSA signature from r and s to DER (`ECDSA-Sig-Value` of RFC 3279, section 2.2.3).
pub fn der_of_raw_ecdsa(raw: &[u8]) -> Vec<u8> {
    assert_eq!(raw.len() % 2, 0, "r and s have the same length");
    let (r, s) = raw.split_at(raw.len() / 2);
    let integer = |bytes| UintRef::new(bytes).expect("an integer");
    EcdsaSigValue { r: integer(r), s: integer(s) }.to_der().expect("a signature in DER")
}

/// The name of the hash function for a length.
fn function(hash: &[u8]) -> &'static str {
    match hash.len() {
        20 => "sha1",
        28 => "sha224",
        32 => "sha256",
        48 => "sha384",
        64 => "sha512",
        len => panic!("no hash function returns {len} bytes"),
    }
}

#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}
