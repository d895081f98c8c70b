//! Loads the module, initialises it (PKCS#11 3.2, section 5.4.1), and keeps the state of its slots.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::slot::Slot;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;
use pkcs11_bridge_protocol::slot_id::SlotId;

use super::info;
use super::initialize::{Threading, initialize};
use super::library::{self, Functions, LoadError};
use super::module_error::{InContext, return_value};
use super::slot::SlotState;
use crate::process::lock::lock;

/// A module that this process has initialised.
pub(super) struct LoadedModule {
    context: Pkcs11,
    functions: Arc<Functions>,
    threading: Threading,
    slots: Mutex<HashMap<SlotId, Arc<SlotState>>>,
}

/// The most threads that a worker has. At least 4, because a thread waits while its token works.
pub(crate) fn max_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).clamp(4, 8)
}

impl LoadedModule {
    /// Loads and initialises a module. `init_args` becomes `pReserved`.
    pub(super) fn load(path: &Path, init_args: Option<&str>) -> Result<Self, Failure> {
        let (context, functions) = library::load(path).map_err(|error| not_loaded(path, &error))?;
        let threading = initialize(&functions, init_args)
            .map_err(|error| not_loaded(path, &LoadError::from(error)))?;
        Ok(Self { context, functions: Arc::new(functions), threading, slots: Mutex::default() })
    }

    pub(super) fn context(&self) -> &Pkcs11 {
        &self.context
    }

    pub(super) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// How many threads may call the module at the same time.
    pub(super) fn threads(&self) -> usize {
        match self.threading {
            Threading::Single => 1,
            Threading::Multiple => max_threads(),
        }
    }

    /// The slot with this id, if the module lists it now.
    pub(super) fn find_slot(&self, id: SlotId) -> Result<Slot, Failure> {
        info::slots(&self.functions, false)
            .context("listing the slots")?
            .into_iter()
            .find(|slot| slot.id() == id.0)
            .ok_or_else(|| {
                Failure::with_rv(
                    ErrorCode::NoSlot,
                    Rv::SLOT_ID_INVALID,
                    format!("There is no slot {id}. Ask for the slots again."),
                )
            })
    }

    /// The state of a slot that the worker keeps between tasks.
    pub(super) fn slot(&self, id: SlotId) -> Result<Arc<SlotState>, Failure> {
        let known = self.slots().get(&id).map(Arc::clone);
        if let Some(slot) = known {
            return Ok(slot);
        }
        let slot = self.find_slot(id)?;
        let state = SlotState::new(self.context.clone(), slot, Arc::clone(&self.functions));
        Ok(Arc::clone(self.slots().entry(id).or_insert_with(|| Arc::new(state))))
    }

    /// Ends the login to the token in one slot, or in all slots. Returns whether there was one.
    pub(super) fn log_out(&self, id: Option<SlotId>) -> Result<bool, Failure> {
        let slots: Vec<_> = self
            .slots()
            .iter()
            .filter(|(known, _)| id.is_none_or(|id| id == **known))
            .map(|(_, slot)| Arc::clone(slot))
            .collect();
        slots.into_iter().try_fold(false, |ended, slot| Ok(slot.log_out()? || ended))
    }

    /// Logs out and finalises the module.
    pub(super) fn finalize(self) {
        for (_, slot) in self.slots().drain() {
            slot.close();
        }
        if let Err(error) = self.context.finalize() {
            tracing::debug!(%error, "the module cannot be finalised");
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<SlotId, Arc<SlotState>>> {
        lock(&self.slots)
    }
}

/// The error for a module that cannot be loaded. The path and the system's error describe the
/// user's computer, so they go to the log and not to the page.
fn not_loaded(path: &Path, error: &LoadError) -> Failure {
    tracing::error!(path = %path.display(), %error, "the module cannot be loaded");
    let error = match error {
        LoadError::Module(error) => error,
        LoadError::OtherFile(_) => {
            return Failure::new(
                ErrorCode::ModuleUnavailable,
                "its file has no PKCS#11 functions of its own, only those of another library. The \
                 bridge's log names it. Allow that library in the bridge's configuration instead.",
            );
        }
    };
    let message = match error {
        Error::LibraryLoading(_) if !path.exists() => {
            "its file does not exist. Install the token's software again, or correct the path in \
             the bridge's configuration."
        }
        Error::LibraryLoading(_) => {
            "its file cannot be loaded as a library. The file may be damaged, may be built for \
             another processor, or may need a library that is missing. The bridge's log holds the \
             system's error."
        }
        Error::MissingSymbol(_) => {
            "its file is a library, but not a PKCS#11 module. Correct the path in the bridge's \
             configuration."
        }
        Error::Pkcs11(reason, _) => {
            let failure = Failure::from_rv(return_value(*reason), "initialising it");
            let hint = match reason {
                RvError::ArgumentsBad => {
                    " The module may need `init_args` in the bridge's configuration."
                }
                _ => "",
            };
            let message = failure.message + hint;
            return Failure { code: ErrorCode::ModuleUnavailable, message, ..failure };
        }
        _ => {
            "it violates the PKCS#11 standard. The bridge's log holds the details. Update the \
             token's software."
        }
    };
    Failure::new(ErrorCode::ModuleUnavailable, message)
}
