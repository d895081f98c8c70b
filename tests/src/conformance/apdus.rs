//! How many APDUs a card gets for the same work from the bridge and from `pkcs11-tool`.

/// One row of the table of APDUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apdus {
    /// What was done, such as `certificates`.
    pub what: &'static str,
    /// The APDUs of the bridge's worker.
    pub ours: u64,
    /// The APDUs of `pkcs11-tool`.
    pub pkcs11_tool: u64,
}
