//! Answers calls: the bridge's own methods at once, all others through the worker of the origin that
//! asks, once the user has allowed that origin.

mod slot_events;

use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::SUBPROTOCOL;
use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::{HelloInfo, ModuleInfo, ModuleState};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::access::approvals::{Approvals, Watch};
use crate::access::consent::Consent;
use crate::access::origin::{Approval, RequestOrigin};
use crate::config::Settings;
use crate::dialog::Dialogs;
use crate::ipc::{self, PinPermission};
use crate::modules::{Module, Modules};
use crate::signing::batch::{self, BatchControl, Progress};
use crate::signing::pin::{PinEntry, Purpose};
use crate::signing::single::Signing;
use crate::supervisor::{OriginSession, Request, Supervisor, revoked};
use slot_events::SlotEvents;

/// What all connections share.
pub(crate) struct Bridge {
    modules: Modules,
    consent: Arc<Consent>,
    pins: PinEntry,
    dialogs: Arc<Dialogs>,
    approvals: Arc<Approvals>,
    supervisor: Arc<Supervisor>,
}

/// The right of a connection to call: what keeps its origin's workers alive.
pub(crate) struct Caller {
    origin: RequestOrigin,
    session: Option<Arc<OriginSession>>,
    /// For an origin that cannot be approved, and so not be revoked.
    never: CancellationToken,
    slot_events: SlotEvents,
}

impl Caller {
    pub(crate) fn origin(&self) -> &RequestOrigin {
        &self.origin
    }

    /// Cancelled when the origin is revoked: then the connection is to be closed.
    pub(crate) fn revoked(&self) -> &CancellationToken {
        self.session.as_ref().map_or(&self.never, |session| session.revoked())
    }
}

impl Bridge {
    pub(crate) fn new(settings: Settings) -> Self {
        let dialogs = Arc::new(Dialogs::new(settings.dialogs));
        let approvals = Arc::new(Approvals::new(settings.state_file));
        let consent = Consent::new(
            settings.origins,
            Arc::clone(&approvals),
            settings.approval_lifetime,
            Arc::clone(&dialogs),
        );
        Self {
            modules: settings.modules,
            consent: Arc::new(consent),
            pins: PinEntry::new(settings.pin_entry, Arc::clone(&dialogs)),
            dialogs,
            approvals,
            supervisor: Arc::new(Supervisor::new(settings.workers)),
        }
    }

    /// Whether calls of an origin may reach a module.
    pub(crate) fn approval(&self, origin: &RequestOrigin) -> Approval {
        self.consent.approval(origin)
    }

    /// The caller that a new connection of `origin` is, which hears of `events`.
    pub(crate) fn caller(&self, origin: RequestOrigin, events: mpsc::Sender<String>) -> Caller {
        let session = match &origin {
            RequestOrigin::Tuple(origin) => Some(self.supervisor.session(origin)),
            RequestOrigin::Opaque => None,
        };
        Caller {
            origin,
            session,
            never: CancellationToken::new(),
            slot_events: SlotEvents::new(events),
        }
    }

    /// Carries out one call. Nothing of a module is touched for an origin that is not approved.
    pub(crate) async fn answer(
        &self,
        caller: &Caller,
        call: Call,
        control: &BatchControl<impl Progress>,
    ) -> Result<Box<RawValue>, ErrorObject> {
        let arrived = ipc::unix_micros();
        tokio::select! {
            answer = self.carry_out(caller, call, arrived, control) => answer,
            () = caller.revoked().cancelled() => Err(revoked().into()),
        }
    }

    async fn carry_out(
        &self,
        caller: &Caller,
        call: Call,
        arrived: u64,
        control: &BatchControl<impl Progress>,
    ) -> Result<Box<RawValue>, ErrorObject> {
        tokio::select! {
            obtained = self.consent.obtain(&caller.origin) => obtained?,
            () = control.cancelled.cancelled() => return batch::cancelled(&call),
        }
        let Some(session) = &caller.session else { return Err(no_session().into()) };
        let Some(wanted) = call.module() else {
            return Ok(match call {
                Call::Modules(_) => ipc::encode_result(&self.list_modules(session)),
                _ => ipc::encode_result(&self.hello()),
            }?);
        };
        let module = self.modules.resolve(wanted)?;
        let signing = |call, purpose| Signing {
            supervisor: &self.supervisor,
            caller,
            session,
            module,
            call,
            purpose,
            arrived,
        };
        match call {
            Call::SignData(ref params) => {
                let (algorithm, data) = (params.algorithm_reference, params.data.as_ref());
                let purpose = Purpose::One { algorithm, data };
                self.pins.carry_out(&signing(&call, purpose)).await
            }
            Call::SignDataBatch(mut params) => {
                batch::check(&params)?;
                let data = std::mem::take(&mut params.data);
                let (algorithm, count) = (params.algorithm_reference, data.len());
                let preparation = Call::SignDataBatch(params.clone());
                let signing = signing(&preparation, Purpose::Batch { algorithm, count });
                batch::sign(&self.pins, &signing, &params, data, control).await
            }
            Call::Logout(_) if !session.is_running(&module.name) => Ok(ipc::encode_result(&false)?),
            Call::WatchSlots(_) => {
                let events = &caller.slot_events;
                let began = !events.has(&module.name)
                    && events
                        .begin(&module.name, self.supervisor.watch_slots(session, module).await?);
                Ok(ipc::encode_result(&began)?)
            }
            Call::UnwatchSlots(_) => Ok(ipc::encode_result(&caller.slot_events.end(&module.name))?),
            call => {
                let request = Request { call: &call, leave: &PinPermission::Nothing, arrived };
                self.supervisor.call(session, module, &request).await?.result()
            }
        }
    }

    /// Follows the state file until the future is dropped: origins that are revoked there are cut off.
    pub(crate) async fn follow_approvals(&self) {
        let Some(file) = self.approvals.file() else { return std::future::pending().await };
        loop {
            // It is there before the file is read, so that no change goes unseen.
            let watch = Watch::start(file);
            for origin in self.consent.reload() {
                tracing::info!(%origin, "revoked");
                self.supervisor.revoke(&origin);
            }
            match watch {
                Ok(watch) => watch.changed().await,
                Err(error) => {
                    tracing::warn!(%error, "the state file cannot be watched; it is read again in a while");
                    tokio::time::sleep(UNWATCHED_PAUSE).await;
                }
            }
        }
    }

    /// Closes the dialogs and shows no more, because the bridge stops.
    pub(crate) fn close_dialogs(&self) {
        self.dialogs.close();
    }

    /// Ends all workers, once the connections are gone, and returns when they have ended.
    pub(crate) async fn end_workers(&self) {
        self.supervisor.end().await;
    }

    fn hello(&self) -> HelloInfo {
        HelloInfo {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: SUBPROTOCOL.to_owned(),
            methods: Call::METHODS.iter().map(ToString::to_string).collect(),
            pin_entry: self.pins.policy(),
        }
    }

    fn list_modules(&self, session: &OriginSession) -> Vec<ModuleInfo> {
        self.modules
            .iter()
            .map(|module| ModuleInfo {
                name: module.name.to_string(),
                description: module.description.clone(),
                state: self.state(module, session),
            })
            .collect()
    }

    fn state(&self, module: &Module, session: &OriginSession) -> ModuleState {
        if session.is_running(&module.name) {
            ModuleState::Running
        } else if self.supervisor.is_set_aside(session, module) {
            ModuleState::SetAside
        } else if module.path.is_file() {
            ModuleState::Available
        } else {
            ModuleState::Missing
        }
    }
}

const UNWATCHED_PAUSE: Duration = Duration::from_secs(10);

fn no_session() -> Failure {
    Failure::new(ErrorCode::OriginNotApproved, "This page has no origin of its own.")
}
