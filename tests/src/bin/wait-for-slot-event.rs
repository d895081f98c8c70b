//! Waits for a slot event in one thread and makes another call in a second thread. `pkcs11-tool`
//! cannot do that.
//!
//! `wait-for-slot-event --module PATH` calls `C_WaitForSlotEvent` at once, and `C_GetInfo` at the
//! end of its standard input. It exits when both have returned.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [_, path] = &arguments[..] else { panic!("usage: wait-for-slot-event --module PATH") };
    let module = Pkcs11::new(path).expect("a module");
    let flags = CInitializeFlags::OS_LOCKING_OK;
    module.initialize(CInitializeArgs::new(flags)).expect("a module");
    std::thread::scope(|scope| {
        scope.spawn(|| module.wait_for_slot_event().expect("an event"));
        std::io::read_to_string(std::io::stdin()).expect("an end");
        module.get_library_info().expect("an answer");
    });
}
