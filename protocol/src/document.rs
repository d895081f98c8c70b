//! The document that a page says it signs. The bridge only shows it to the user, as the page's
//! claim. Nothing can check that a hash belongs to a document.

use serde::{Deserialize, Serialize};

/// What a page says about the document behind a hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The name, such as the file's.
    pub name: String,
    /// The size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}
