//! The platform's folders for configuration and state.

use etcetera::AppStrategy;
use etcetera::app_strategy::{AppStrategyArgs, choose_native_strategy};

/// The folders that the platform has for this program; `None` if the user has no home folder.
pub(crate) fn folders() -> Option<impl AppStrategy> {
    choose_native_strategy(AppStrategyArgs {
        top_level_domain: "org".to_owned(),
        author: "pkcs11-bridge".to_owned(),
        app_name: "pkcs11-bridge".to_owned(),
    })
    .ok()
}
