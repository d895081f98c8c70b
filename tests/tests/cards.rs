//! Real PKCS#11 modules for smart cards, with a PIV card in a virtual reader. The card itself
//! counts PINs and tries. The conformance run has the checks that all modules share.

mod cards {
    pub mod fixture;
    pub mod keys;
    pub mod pins;
    pub mod removal;
}
