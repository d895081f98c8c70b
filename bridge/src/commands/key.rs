//! `pkcs11-bridge key`: shows the fingerprint of the identity key. Makes the key if it is missing.

use std::io::{self, Write};

use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use serde_json::json;

use crate::access::approvals::StateFile;
use crate::cli::KeyArgs;
use crate::identity::{IdentityKey, KeyFileError};

#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error("the user has no home folder for a key; name a state file with --state-file")]
    NoFile,
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

pub(crate) fn run(args: KeyArgs) -> Result<(), KeyError> {
    let file = args.state_file.map(StateFile::at).or_else(StateFile::in_home);
    let file = file.ok_or(KeyError::NoFile)?;
    let key = IdentityKey::load(&file)?;
    let mut out = io::stdout().lock();
    if args.json {
        let answer = json!({
            "fingerprint": key.fingerprint(),
            "public_key": Base64Bytes(key.public_key().to_vec()),
            "file": IdentityKey::path(&file),
        });
        writeln!(out, "{answer}")?;
    } else {
        writeln!(out, "{}", key.fingerprint())?;
    }
    Ok(())
}
