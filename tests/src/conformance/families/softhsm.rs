//! SoftHSM2. It keeps its tokens in files, and reads the list of tokens once.

use std::ffi::OsString;
use std::path::Path;

use super::softhsm_tokens;
use crate::conformance::family::{Family, Key, Missing, Token, installed, version_of};
use crate::token::{LABEL, MODULE, TestToken};

pub(super) struct SoftHsm;

impl Family for SoftHsm {
    fn name(&self) -> &'static str {
        "softhsm"
    }

    fn packages(&self) -> &'static [&'static str] {
        &["softhsm2"]
    }

    fn start(&self) -> Result<Box<dyn Token>, Missing> {
        installed(&[MODULE])?;
        Ok(Box::new(SoftHsmToken(TestToken::new())))
    }
}

struct SoftHsmToken(TestToken);

impl Token for SoftHsmToken {
    fn module(&self) -> &Path {
        Path::new(MODULE)
    }

    fn version(&self) -> String {
        version_of(&["libsofthsm2"])
    }

    fn detected_as(&self) -> Option<&'static str> {
        Some("softhsm")
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![("SOFTHSM2_CONF", self.0.configuration().into())]
    }

    fn label(&self) -> String {
        LABEL.to_owned()
    }

    fn keys(&self) -> Vec<Key> {
        softhsm_tokens::keys(&self.0)
    }
}
