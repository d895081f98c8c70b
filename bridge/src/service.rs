//! Answers calls: the bridge's own methods at once, all others through the worker of the origin that
//! asks, once the user has allowed that origin.

mod slot_events;

use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::SUBPROTOCOL;
use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::{HelloInfo, ModuleInfo, ModuleState};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::access::approvals::{Approvals, Watch};
use crate::access::consent::Consent;
use crate::access::origin::{Approval, RequestOrigin};
use crate::config::Settings;
use crate::dialog::Dialogs;
use crate::ipc::message::encode_result;
use crate::ipc::pin::PinPermission;
use crate::ipc::task::Task;
use crate::modules::{Module, Modules};
use crate::signing::batch::{self, BatchControl, Progress};
use crate::signing::pin::PinEntry;
use crate::signing::{SigningContext, single};
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

    /// Answers one call. The bridge touches no module for an origin that is not approved.
    pub(crate) async fn answer(
        &self,
        caller: &Caller,
        call: Call,
        control: &BatchControl<impl Progress>,
    ) -> Result<Box<RawValue>, Failure> {
        let received = Instant::now();
        tokio::select! {
            answer = self.dispatch(caller, call, received, control) => answer,
            () = caller.revoked().cancelled() => Err(revoked()),
        }
    }

    async fn dispatch(
        &self,
        caller: &Caller,
        call: Call,
        received: Instant,
        control: &BatchControl<impl Progress>,
    ) -> Result<Box<RawValue>, Failure> {
        let consent = self.consent.obtain(&caller.origin);
        if let Call::SignDataBatch(params) = &call {
            tokio::select! {
                obtained = consent => obtained?,
                () = control.cancelled.cancelled() => {
                    return batch::all_cancelled(params.data.len());
                }
            }
        } else {
            consent.await?;
        }
        let Some(session) = &caller.session else { return Err(no_session()) };
        let module = |name: Option<&str>| self.modules.resolve(name);
        let signing = |module| SigningContext {
            supervisor: &self.supervisor,
            origin: &caller.origin,
            session,
            module,
            received,
        };
        let (module, task) = match call {
            Call::Hello(_) => return encode_result(&self.hello()),
            Call::Modules(_) => return encode_result(&self.list_modules(session)),
            // The connection knows what is in flight, and cancels it.
            Call::Cancel(_) => return encode_result(&false),
            Call::SignData(params) => {
                let context = signing(module(params.module.as_deref())?);
                return single::sign(&self.pins, context, params).await;
            }
            Call::SignDataBatch(params) => {
                let context = signing(module(params.module.as_deref())?);
                return batch::sign(&self.pins, context, params, control).await;
            }
            Call::WatchSlots(params) => {
                let module = module(params.module.as_deref())?;
                return self.watch_slots(caller, session, module).await;
            }
            Call::UnwatchSlots(params) => {
                let module = module(params.module.as_deref())?;
                return encode_result(&caller.slot_events.end(&module.name));
            }
            Call::Logout(params) => {
                let module = module(params.module.as_deref())?;
                if !session.is_running(&module.name) {
                    return encode_result(&false);
                }
                (module, Task::Logout { slot_id: params.slot_id })
            }
            Call::Info(params) => (module(params.module.as_deref())?, Task::Info),
            Call::Slots(params) => {
                let token_present = params.token_present.unwrap_or_default();
                (module(params.module.as_deref())?, Task::Slots { token_present })
            }
            Call::Token(params) => {
                let one = |slot_id| Task::Token { slot_id };
                (module(params.module.as_deref())?, params.slot_id.map_or(Task::ListTokens, one))
            }
            Call::Certificates(params) => {
                let slot_id = params.slot_id;
                (module(params.module.as_deref())?, Task::Certificates { slot_id })
            }
            Call::VerifySignedData(params) => {
                (module(params.module.as_deref())?, Task::Verify(params.into()))
            }
        };
        let request = Request { task: &task, permission: &PinPermission::None };
        self.supervisor.execute(session, module, &request).await?.result()
    }

    async fn watch_slots(
        &self,
        caller: &Caller,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
    ) -> Result<Box<RawValue>, Failure> {
        let events = &caller.slot_events;
        let began = !events.has(&module.name)
            && events.begin(&module.name, self.supervisor.watch_slots(session, module).await?);
        encode_result(&began)
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
