//! The decoder of the configuration file.

use std::path::Path;

use pkcs11_bridge::cli::ServeArgs;
use pkcs11_bridge::config::Settings;
use pkcs11_bridge::config::file::ConfigFile;

use crate::{Decoded, utf8};

/// The configuration file, merged with a command line without flags.
pub(crate) fn config_file(bytes: &[u8]) -> Decoded {
    ConfigFile::parse(utf8(bytes)?, Path::new("config.toml"))
        .and_then(|file| Settings::merge(ServeArgs::default(), file))
        .map(drop)
        .map_err(|error| error.to_string())
}
