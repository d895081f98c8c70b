//! The conformance run on every family of modules that this machine can start. `make conformance`
//! prints the same as one table, and adds the module that takes long to build.

use pkcs11_bridge_tests::conformance::{find, test};

macro_rules! families {
    ($($test:ident = $family:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            test(find($family)).await;
        })*
    };
}

families! {
    caml_crush = "caml-crush";
    nss = "nss";
    opencryptoki = "opencryptoki";
    opensc = "opensc";
    p11_kit_client = "p11-kit-client";
    p11_kit_proxy = "p11-kit-proxy";
    softhsm = "softhsm";
    tpm2_pkcs11 = "tpm2-pkcs11";
    ykcs11 = "yubikey";
}
