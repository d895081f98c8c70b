//! Tests of fixtures. A defect in one of them could let other tests pass.

mod fixtures {
    pub mod desktop;
    pub mod module_faults;
    pub mod module_objects;
    pub mod module_removal;
    pub mod module_slot_events;
    pub mod module_wrong_lengths;
    pub mod pinentry;
    pub mod pkcs11_tool;
    pub mod secrets;
    pub mod simulated_token;
    pub mod test_module;
}
