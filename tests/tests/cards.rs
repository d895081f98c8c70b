//! Real PKCS#11 modules for smart cards, with a PIV card in a virtual reader.

mod cards {
    pub mod reading;
}
