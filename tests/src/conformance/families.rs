//! The families, each in a file of its own.

mod caml_crush;
mod kryoptic;
mod nss;
mod opencryptoki;
mod p11_kit_client;
mod p11_kit_proxy;
mod piv_card;
mod private_folder;
mod softhsm;
mod softhsm_tokens;
mod tpm2;
mod written_keys;

use super::family::Family;
use crate::card_reader::CardModule;

/// All families, in the order of the table.
pub const FAMILIES: &[&dyn Family] = &[
    &softhsm::SoftHsm,
    &piv_card::PivCard(CardModule::OpenSc),
    &piv_card::PivCard(CardModule::YkCs11),
    &p11_kit_proxy::P11KitProxy,
    &p11_kit_client::P11KitClient,
    &caml_crush::CamlCrush,
    &tpm2::Tpm2,
    &nss::Nss,
    &opencryptoki::OpenCryptoki,
    &kryoptic::Kryoptic,
];

/// The family of a name.
pub fn find(name: &str) -> &'static dyn Family {
    let found = FAMILIES.iter().find(|family| family.name() == name);
    *found.unwrap_or_else(|| panic!("no family is called {name}"))
}
