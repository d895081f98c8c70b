//! What a family of modules is: how its throw-away token starts, what the bridge needs for it, and
//! what a test can do to it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::program::tool;
use crate::token::{CertifiedKey, KeyType, PIN};

/// Modules that are set up alike.
pub trait Family: Sync {
    /// The name in the table.
    fn name(&self) -> &'static str;

    /// The packages of Debian that it needs. They are named if the machine misses something.
    fn packages(&self) -> &'static [&'static str];

    /// Starts a throw-away token, and the daemons that it needs. Dropping it ends them.
    fn start(&self) -> Result<Box<dyn Token>, Missing>;
}

/// Why this machine cannot start a token.
#[derive(Clone, Debug)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A running throw-away token.
pub trait Token: Send {
    /// The file of the module.
    fn module(&self) -> &Path;

    /// The versions of the module and of the daemons behind it.
    fn version(&self) -> String;

    /// The name that the bridge gives the module if it detects it. `None` if it is not looked for.
    fn detected_as(&self) -> Option<&'static str> {
        None
    }

    /// The lines of a configuration that lets the bridge look for it.
    fn detection(&self) -> &'static str {
        "detect_modules = true\n"
    }

    /// More lines of its `[[modules]]` table.
    fn settings(&self) -> String {
        String::new()
    }

    /// Environment variables of the module.
    fn environment(&self) -> Vec<(&'static str, OsString)> {
        Vec::new()
    }

    /// The label of the token.
    fn label(&self) -> String;

    /// The user's PIN.
    fn pin(&self) -> &str {
        PIN
    }

    /// The keys with certificates on the token. The first is the one that most checks use.
    fn keys(&self) -> Vec<Key>;

    /// Restarts the daemon behind the module. `None` if there is no daemon.
    fn restart_daemon(&mut self) -> Option<()> {
        None
    }

    /// Takes the token out. `None` if the family cannot.
    fn take_out(&mut self) -> Option<()> {
        None
    }

    /// Puts the token back after [`Token::take_out`].
    fn put_back(&mut self) {}

    /// The number of APDUs that the card has got so far. `None` if it is no card.
    fn apdus(&self) -> Option<u64> {
        None
    }
}

/// A key on a token, and its certificate as files.
#[derive(Clone)]
pub struct Key {
    /// The name in reasons.
    pub name: String,
    /// The certificate in PEM.
    pub certificate: PathBuf,
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// What the key signs with.
    pub algorithms: Vec<&'static str>,
    /// Whether signatures are those of ECDSA.
    pub is_ecdsa: bool,
    /// Verifies signatures over messages. `None` if the machine's `openssl` can.
    pub verifier: Option<PathBuf>,
}

impl Key {
    /// A key of a [`KeyType`], with all its algorithms.
    pub fn of(files: &CertifiedKey, key_type: KeyType) -> Self {
        Self {
            name: files.name().to_owned(),
            certificate: files.certificate(),
            der: files.certificate_bytes(),
            algorithms: algorithms(key_type),
            is_ecdsa: !key_type.is_rsa() && key_type != KeyType::Ed25519,
            verifier: None,
        }
    }

    /// Leaves out algorithms that the token does not have.
    #[must_use]
    pub fn without(mut self, lacking: &[&str]) -> Self {
        self.algorithms.retain(|algorithm| !lacking.contains(algorithm));
        self
    }
}

/// All algorithms of the wire that fit a key.
fn algorithms(key_type: KeyType) -> Vec<&'static str> {
    let own: &[&str] = match key_type {
        KeyType::Rsa1024 | KeyType::Rsa2048 | KeyType::Rsa3072 => {
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
        }
        KeyType::P256 => &["ES256"],
        KeyType::P384 => &["ES384"],
        KeyType::P521 => &["ES512"],
        KeyType::Secp256k1
        | KeyType::BrainpoolP256r1
        | KeyType::BrainpoolP384r1
        | KeyType::BrainpoolP512r1 => &[],
        KeyType::Ed25519 | KeyType::Ed448 => return vec!["EdDSA"],
    };
    [&["sha256", "sha1", "sha384", "sha512"], own].concat()
}

/// Fails if a file does not exist.
pub fn installed(files: &[&str]) -> Result<(), Missing> {
    let missing = files.iter().find(|file| !Path::new(file).exists());
    missing.map_or(Ok(()), |file| Err(Missing(format!("{file} is not installed"))))
}

/// The versions of packages of Debian.
pub fn version_of(packages: &[&str]) -> String {
    let version = |package: &&str| {
        let mut command = tool("dpkg-query");
        let output = command.args(["--show", "--showformat", "${Version}", package]).output();
        let version = output.ok().filter(|output| output.status.success());
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        format!("{package} {}", version.as_deref().unwrap_or("of unknown version"))
    };
    packages.iter().map(version).collect::<Vec<_>>().join(", ")
}

/// The path of a library in the usual folders.
pub fn library(name: &str) -> Result<PathBuf, Missing> {
    let debian = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let folders = [debian.as_str(), "/usr/lib64", "/usr/lib"];
    let mut paths = folders.iter().map(|folder| Path::new(folder).join(name));
    let found = paths.find(|path| path.exists());
    found.ok_or_else(|| Missing(format!("{name} is not installed")))
}
