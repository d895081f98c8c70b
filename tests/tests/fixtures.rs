//! The fixtures where a flaw of theirs would let other tests pass.

mod fixtures {
    pub mod desktop;
    pub mod pinentry;
    pub mod secrets;
    pub mod test_module;
}
