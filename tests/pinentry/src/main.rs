//! The program `scripted-pinentry`. The library describes it.

fn main() {
    pkcs11_bridge_test_pinentry::run();
}
