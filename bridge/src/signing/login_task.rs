//! Sends tasks that need a login to the worker. A task without a PIN ends with its caller. A task
//! with a PIN goes on after its caller has gone.

use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use pkcs11_bridge_protocol::slot_id::SlotId;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::purpose::{Purpose, SignatureQuestion};
use crate::access::origin::RequestOrigin;
use crate::certificate::fingerprint::Fingerprint;
use crate::config::Rules;
use crate::dialog::question::{PinScope, Signer};
use crate::ipc::message::{Outcome, login_ended};
use crate::ipc::pin::{PinPermission, PinReason, PinUse};
use crate::ipc::task::Task;
use crate::modules::{Module, ModuleName};
use crate::supervisor::{Delivery, LoginTerms, OriginSession, Request, Supervisor, WorkerHandle};

/// The origin that signs, and the module that it signs with.
#[derive(Clone, Copy)]
pub(crate) struct SigningContext<'a> {
    pub(crate) supervisor: &'a Arc<Supervisor>,
    pub(crate) origin: &'a RequestOrigin,
    pub(crate) session: &'a Arc<OriginSession>,
    pub(crate) module: &'a Arc<Module>,
    /// What the administrator has set for origins and certificates.
    pub(crate) rules: &'a Rules,
    /// When the bridge received the call.
    pub(crate) received: Instant,
}

/// A task that needs a login.
#[derive(Clone, Copy)]
pub(super) struct LoginTask<'a> {
    pub(super) context: SigningContext<'a>,
    pub(super) task: &'a Task,
    /// For which key the task uses a login.
    pub(super) login: &'a LoginTerms,
    /// What the dialogs say about the signature.
    pub(super) purpose: Purpose<'a>,
}

/// The module and the slot that a token is in.
pub(super) type TokenSlot = (ModuleName, SlotId);

impl<'a> LoginTask<'a> {
    pub(super) fn page_pin(&self) -> Option<&'a Pin> {
        self.task.page_pin()
    }

    pub(super) fn token_slot(&self) -> TokenSlot {
        // Each task that needs a login names its slot.
        let slot = self.task.login_slot().unwrap_or(SlotId(0));
        (self.context.module.name.clone(), slot)
    }

    /// What the dialogs show.
    pub(super) fn question(&self) -> SignatureQuestion<'a> {
        let signer = self.login.certificate.map_or(Signer::Certificate, Fingerprint::signer);
        SignatureQuestion { origin: self.context.origin, signer, purpose: self.purpose }
    }

    /// What a PIN opens that logs in, as a dialog tells it.
    pub(super) fn scope(&self) -> PinScope {
        let minutes = |time: Duration| time.as_secs().div_ceil(60);
        match (self.login.opens_for, self.login.batch) {
            (Some(longest), _) => PinScope::Login {
                minutes: minutes(longest),
                idle_minutes: minutes(self.context.supervisor.limits().login_idle),
            },
            (None, Some(_)) => PinScope::OneBatch,
            (None, None) => PinScope::OneSignature,
        }
    }

    /// Executes the task, which fails unless the worker is logged in.
    pub(super) async fn execute_logged_in(&self) -> Result<Box<RawValue>, Failure> {
        self.execute_without_pin().await?.result()
    }

    pub(super) async fn execute_without_pin(&self) -> Result<Outcome, Failure> {
        let SigningContext { supervisor, session, module, .. } = self.context;
        let permission = &PinPermission::None;
        let request = Request { task: self.task, permission, login: Some(self.login) };
        supervisor.execute(session, module, &request).await
    }

    /// The task with a PIN. It owns all that it needs, so that it can outlive its caller.
    pub(super) async fn with_pin(&self, permission: PinPermission) -> Result<PinTask, Failure> {
        let SigningContext { supervisor, session, module, .. } = self.context;
        Ok(PinTask {
            worker: supervisor.worker(session, module).await?,
            stopping: supervisor.stopping().clone(),
            task: self.task.clone(),
            login: self.login.clone(),
            permission,
        })
    }
}

/// A task with a PIN, and the worker that executes it.
pub(super) struct PinTask {
    worker: WorkerHandle,
    stopping: CancellationToken,
    task: Task,
    login: LoginTerms,
    permission: PinPermission,
}

impl PinTask {
    /// The same task with the same PIN, which the token wants once more.
    pub(super) fn again_for(self, reason: PinReason) -> Self {
        Self { permission: self.permission.again_for(reason), ..self }
    }

    /// Executes the task. The PIN counts as sent unless the worker says that it was not. Tells
    /// `accepted` once the token has accepted the PIN.
    pub(super) async fn execute(
        &self,
        accepted: oneshot::Sender<()>,
    ) -> (Result<Outcome, Failure>, PinUse) {
        let Self { task, login, permission, .. } = self;
        let request = Request { task, permission, login: Some(login) };
        let delivery = tokio::select! {
            delivery = self.worker.deliver_pin(&request, accepted) => delivery,
            () = self.stopping.cancelled() => Err(login_ended()),
        };
        match delivery {
            Ok(Delivery::Answered(outcome, pin)) => {
                self.worker.retire_after(task, &outcome);
                (Ok(outcome), pin)
            }
            Ok(Delivery::NotSent(failure) | Delivery::Refused(failure)) => {
                (Err(failure), PinUse::NotSent)
            }
            Err(failure) => (Err(failure), PinUse::NotAccepted),
        }
    }
}
