//! placeholder
use crate::cli::DemoArgs;
use std::path::Path;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub(crate) struct DemoError;
pub(crate) async fn run(_: DemoArgs) -> Result<(), DemoError> {
    Err(DemoError)
}
pub(crate) fn make_token(_: &Path) -> Result<(), DemoError> {
    Err(DemoError)
}
