//! The program: see the library.

fn main() {
    pkcs11_bridge_test_pinentry::run();
}
