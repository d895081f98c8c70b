//! A call that needs a login, on its way to the worker: without a PIN, or with one, which then is carried out
//! whatever becomes of the caller.

use std::sync::Arc;

use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::pin::Pin;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::pin::Result;
use super::pin::history::TokenSlot;
use super::pin::messages::{self, Purpose};
use crate::ipc::{Outcome, PinPermission};
use crate::modules::Module;
use crate::service::Caller;
use crate::supervisor::{OriginSession, Request, Supervisor, WorkerProcess};

/// A call that needs a login.
#[derive(Clone, Copy)]
pub(crate) struct Signing<'a> {
    pub(crate) supervisor: &'a Arc<Supervisor>,
    pub(crate) caller: &'a Caller,
    pub(crate) session: &'a Arc<OriginSession>,
    pub(crate) module: &'a Arc<Module>,
    pub(crate) call: &'a Call,
    /// What the user is told of it.
    pub(crate) purpose: Purpose<'a>,
    /// When the bridge took it, in microseconds since 1970.
    pub(crate) arrived: u64,
}

impl Signing<'_> {
    pub(super) fn pin_of_page(&self) -> Option<&Pin> {
        match self.call {
            Call::SignData(params) => params.pin.as_ref(),
            Call::SignDataBatch(params) => params.pin.as_ref(),
            _ => None,
        }
    }

    pub(super) fn token_slot(&self) -> TokenSlot {
        (self.module.name.clone(), self.call.signing_slot())
    }

    /// Carries out a call for which a login has to be there already.
    pub(crate) async fn without_asking(&self) -> Result<Box<RawValue>> {
        self.without_pin().await?.result()
    }

    pub(super) async fn without_pin(&self) -> Result<Outcome> {
        self.send(&PinPermission::Nothing).await
    }

    /// The call with all that it needs, to go on without whoever made it.
    pub(super) async fn own(&self, leave: PinPermission) -> Result<OwnedErrand> {
        Ok(OwnedErrand {
            worker: self.supervisor.worker(self.session, self.module).await?,
            stopping: self.supervisor.stopping().clone(),
            call: self.call.clone(),
            leave,
            arrived: self.arrived,
        })
    }

    async fn send(&self, leave: &PinPermission) -> Result<Outcome> {
        let request = Request { call: self.call, leave, arrived: self.arrived };
        self.supervisor.call(self.session, self.module, &request).await
    }
}

/// A call with a PIN, which keeps its worker.
pub(super) struct OwnedErrand {
    worker: Arc<WorkerProcess>,
    stopping: CancellationToken,
    call: Call,
    leave: PinPermission,
    arrived: u64,
}

impl OwnedErrand {
    pub(super) async fn carry_out(self) -> Result<Outcome> {
        let Self { call, leave, arrived, .. } = &self;
        let request = Request { call, leave, arrived: *arrived };
        tokio::select! {
            outcome = self.worker.call(&request) => Ok(outcome?),
            () = self.stopping.cancelled() => Err(messages::login_ended().into()),
        }
    }
}

impl Outcome {
    /// The result, where there is one already.
    pub(super) fn done(self) -> Result<Option<Box<RawValue>>> {
        match self {
            Self::Done(result) => Ok(Some(result)),
            Self::Failed(error) | Self::ModuleLost(error) => Err(error),
            Self::PinNeeded(_) | Self::LoggingIn => Ok(None),
        }
    }

    /// The result; a call for which all was done has to have one.
    pub(crate) fn result(self) -> Result<Box<RawValue>> {
        let missing = || messages::login_ended().into();
        self.done()?.ok_or_else(missing)
    }
}
