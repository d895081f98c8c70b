//! Searches for objects on the token (PKCS#11 3.2, section 5.7.8).

use std::num::NonZeroUsize;
use std::sync::Mutex;

use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::Session;
use pkcs11_bridge_protocol::failure::Failure;

use super::module_error::InContext;
use crate::process::lock::lock;

/// All objects that match the template. `operation` completes "while …".
///
/// One search runs at a time. caml-crush has one for all sessions: two searches take each other's
/// handles.
///
/// cryptoki ends a search at the first `C_FindObjects` that returns fewer handles than it asked
/// for. Some modules return fewer although others follow. With one handle at a time, fewer means
/// none, and only that ends a search.
pub(super) fn find(
    session: &Session,
    template: &[Attribute],
    operation: &str,
) -> Result<Vec<ObjectHandle>, Failure> {
    let _search = lock(&SEARCH);
    let handles = session.iter_objects_with_cache_size(template, NonZeroUsize::MIN);
    handles.and_then(Iterator::collect).context(operation)
}

static SEARCH: Mutex<()> = Mutex::new(());
