//! Certification authorities, made by `openssl`. They issue certificates to keys of tokens.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::program::{run, tool};
use crate::token::CertifiedKey;

/// A certification authority, with its key and certificate as files.
pub struct Authority {
    folder: TempDir,
}

/// The extensions of an authority's certificate.
pub const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign";

/// The extensions of a user's certificate for logins.
pub const LOGIN: &str =
    "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth,msSmartcardLogin";

impl Authority {
    /// An authority that has issued its own certificate. `key` holds arguments of
    /// `openssl genpkey`.
    pub fn root(name: &str, key: &[&str]) -> Self {
        let authority = Self::with_key(key);
        let subject = format!("/C=BE/O=pkcs11-bridge/CN={name}");
        let mut command = tool("openssl");
        command.args(["req", "-new", "-x509", "-days", "3650", "-subj", &subject]);
        for extension in CA.lines() {
            command.args(["-addext", extension]);
        }
        run(command.arg("-key").arg(authority.key()).arg("-out").arg(authority.certificate()));
        authority
    }

    /// An authority on P-256 whose certificate this one has issued, with these extensions.
    pub fn intermediate(&self, name: &str, extensions: &str) -> Self {
        let authority = Self::with_key(P256);
        self.sign(&authority.key(), name, extensions, &["-sha256"], &authority.certificate());
        authority
    }

    /// Issues a certificate for a key. Returns its file in DER.
    pub fn issue(&self, key: &CertifiedKey, name: &str, extensions: &str) -> PathBuf {
        self.issue_with(key, name, extensions, &["-sha256"])
    }

    /// As [`Authority::issue`], with more arguments of `openssl x509`.
    pub fn issue_with(
        &self,
        key: &CertifiedKey,
        name: &str,
        extensions: &str,
        arguments: &[&str],
    ) -> PathBuf {
        let (pem, der) = (self.file(&format!("{name}.pem")), self.file(&format!("{name}.der")));
        self.sign(&key.private_key(), name, extensions, arguments, &pem);
        run(tool("openssl")
            .args(["x509", "-outform", "DER", "-in"])
            .arg(pem)
            .arg("-out")
            .arg(&der));
        der
    }

    /// The certificate of the authority in PEM.
    pub fn pem(&self) -> String {
        std::fs::read_to_string(self.certificate()).expect("the certificate")
    }

    fn with_key(key: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-authority-")
            .tempdir()
            .expect("a folder");
        let authority = Self { folder };
        run(tool("openssl").args(["genpkey", "-quiet"]).args(key).arg("-out").arg(authority.key()));
        authority
    }

    fn sign(&self, key: &Path, name: &str, extensions: &str, arguments: &[&str], to: &Path) {
        let (request, extension_file) = (self.file("request.pem"), self.file("extensions"));
        std::fs::write(&extension_file, extensions).expect("a file");
        let subject = format!("/C=BE/O=pkcs11-bridge/CN={name}");
        run(tool("openssl")
            .args(["req", "-new", "-utf8", "-subj", &subject, "-key"])
            .arg(key)
            .arg("-out")
            .arg(&request));
        run(tool("openssl")
            .args(["x509", "-req", "-days", "3650", "-in"])
            .arg(&request)
            .arg("-CA")
            .arg(self.certificate())
            .arg("-CAkey")
            .arg(self.key())
            .arg("-extfile")
            .arg(&extension_file)
            .args(arguments)
            .arg("-out")
            .arg(to));
    }

    fn key(&self) -> PathBuf {
        self.file("key.pem")
    }

    fn certificate(&self) -> PathBuf {
        self.file("authority.pem")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The arguments of `openssl genpkey` for a key on P-256.
pub const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
