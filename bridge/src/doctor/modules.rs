//! The PKCS#11 modules: which load, and which slots and tokens they show.

use pkcs11_bridge_protocol::call::{Call, Info, Slots};
use pkcs11_bridge_protocol::result::SlotInfo;

use super::local_page::LocalPage;
use super::report::{ModuleState, Problem, SlotState};
use super::tokens;
use super::{Identities, Signatures};
use crate::modules::{Module, Modules, RefusedFile};

/// What the parts of the report about tokens share.
pub(super) struct Examination<'a> {
    pub(super) page: &'a LocalPage,
    pub(super) identities: Identities,
    pub(super) signatures: Signatures,
    pub(super) problems: &'a mut Vec<Problem>,
}

pub(super) async fn examine(modules: &Modules, to: &mut Examination<'_>) -> Vec<ModuleState> {
    let refused = modules.refused().iter().map(|RefusedFile { path, problem }| {
        let text = format!(
            "{} names or is a module, and the bridge does not use it: {problem}. Only root and you \
             may change such files and their folders. Correct the owner and the rights, if you \
             trust the file.",
            path.display()
        );
        Problem::new("modules", text)
    });
    to.problems.extend(refused);
    let mut states = Vec::new();
    for module in modules.iter() {
        states.push(examine_one(module, to).await);
    }
    if states.is_empty() {
        to.problems.push(Problem::new(
            "modules",
            "No PKCS#11 module is configured and none was found. Install the software of your \
             token, or name its module with --module NAME=PATH or in config.toml.",
        ));
    } else if !states.iter().any(ModuleState::has_token) {
        to.problems.push(Problem::new(
            "tokens",
            "No module shows a token. Connect the reader and put the card in. On Linux, the \
             service pcscd has to run for smart cards.",
        ));
    }
    states
}

async fn examine_one(module: &Module, to: &mut Examination<'_>) -> ModuleState {
    let name = || Some(module.name.to_string());
    let about = format!("module {}", module.name);
    let mut state = ModuleState {
        name: module.name.to_string(),
        description: module.description.clone(),
        path: module.path.clone(),
        works: false,
        library: None,
        slots: Vec::new(),
    };
    match to.page.call(Call::Info, Info { module: name() }).await {
        Ok(library) => state.library = Some(library),
        Err(failure) => {
            to.problems.push(Problem::new(about, failure.message));
            return state;
        }
    }
    match to.page.call(Call::Slots, Slots { module: name(), token_present: None }).await {
        Ok(slots) => {
            state.works = true;
            for slot in slots {
                state.slots.push(examine_slot(module, slot, to).await);
            }
        }
        Err(failure) => to.problems.push(Problem::new(about, failure.message)),
    }
    state
}

async fn examine_slot(module: &Module, slot: SlotInfo, to: &mut Examination<'_>) -> SlotState {
    let token = match slot.flags & TOKEN_PRESENT {
        0 => None,
        _ => tokens::examine(module, slot.slot_id, to).await,
    };
    SlotState { slot_id: slot.slot_id, reader: slot.description, token }
}

/// `CKF_TOKEN_PRESENT` (PKCS#11 3.2, section 3.2).
const TOKEN_PRESENT: u32 = 1;
