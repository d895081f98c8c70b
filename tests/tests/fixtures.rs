//! The fixtures where a flaw of theirs would let other tests pass.

mod fixtures {
    pub mod desktop;
    pub mod module_faults;
    pub mod module_lies;
    pub mod module_objects;
    pub mod module_removal;
    pub mod module_slot_events;
    pub mod pinentry;
    pub mod pkcs11_tool;
    pub mod secrets;
    pub mod test_module;
}
