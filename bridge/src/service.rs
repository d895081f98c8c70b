//! Answers calls. First asks the user for consent if the origin is not approved. Then answers the
//! bridge's own methods directly, and all others through the origin's worker for the module.

mod slot_events;

use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::SUBPROTOCOL;
use pkcs11_bridge_protocol::call::{Call, Hello};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::{HelloInfo, ModuleInfo, ModuleState, SkippedPort};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::access::approvals::{Approvals, RECORD_INTERVAL, Watch};
use crate::access::consent::Consent;
use crate::access::origin::{Approval, RequestOrigin};
use crate::config::{Rules, Settings};
use crate::desktop_session;
use crate::dialog::Dialogs;
use crate::identity::IdentityKey;
use crate::ipc::message::encode_result;
use crate::ipc::task::Task;
use crate::modules::{Module, Modules};
use crate::process::log_limit::LogLimit;
use crate::signing::authenticate::authenticate;
use crate::signing::batch::{self, BatchControl, Progress};
use crate::signing::pin::PinEntry;
use crate::signing::{SigningContext, listing, single, verify};
use crate::supervisor::{OriginSession, Request, Supervisor, revoked};
use slot_events::SlotEvents;

/// The state that all connections share.
pub(crate) struct Bridge {
    modules: Modules,
    consent: Arc<Consent>,
    pins: PinEntry,
    dialogs: Arc<Dialogs>,
    /// The messages of pages that were rejected.
    rejections: Arc<LogLimit<RequestOrigin>>,
    approvals: Arc<Approvals>,
    supervisor: Arc<Supervisor>,
    rules: Rules,
    endpoint: Endpoint,
}

/// By what pages know this bridge: its key, and the port that it listens on.
pub(crate) struct Endpoint {
    pub(crate) key: IdentityKey,
    pub(crate) port: u16,
    /// The ports before it that programs of other users hold.
    pub(crate) skipped_ports: Vec<u16>,
}

/// A connection, as a caller of the bridge. The workers of its origin run while it has a caller.
pub(crate) struct Caller {
    origin: RequestOrigin,
    /// `None` for an opaque origin, which the user cannot approve.
    session: Option<Arc<OriginSession>>,
    /// Never cancelled. Used if there is no session, because then there is nothing to revoke.
    never: CancellationToken,
    slot_events: SlotEvents,
}

impl Caller {
    pub(crate) fn origin(&self) -> &RequestOrigin {
        &self.origin
    }

    /// Cancelled when the user revokes the origin. The connection must then close.
    pub(crate) fn revoked(&self) -> &CancellationToken {
        self.session.as_ref().map_or(&self.never, |session| session.revoked())
    }
}

impl Bridge {
    pub(crate) fn new(settings: Settings, endpoint: Endpoint) -> Self {
        let dialogs = Arc::new(Dialogs::new(settings.dialogs));
        let approvals = Arc::new(Approvals::new(settings.state_file));
        let consent = Arc::new(Consent::new(
            settings.origins,
            Arc::clone(&approvals),
            settings.approval_lifetime,
            Arc::clone(&dialogs),
        ));
        Self {
            modules: settings.modules,
            pins: PinEntry::new(
                settings.pin_entry,
                Arc::clone(&dialogs),
                Arc::clone(&consent),
                settings.pin_tries,
            ),
            consent,
            dialogs,
            rejections: LogLimit::new(LOG_INTERVAL),
            approvals,
            supervisor: Arc::new(Supervisor::new(settings.workers, settings.protected)),
            rules: settings.rules,
            endpoint,
        }
    }

    /// Limits the log of rejected messages: any page can send them.
    pub(crate) fn rejections(&self) -> &Arc<LogLimit<RequestOrigin>> {
        &self.rejections
    }

    /// The fingerprint of the bridge's key.
    pub(crate) fn key_fingerprint(&self) -> String {
        self.endpoint.key.fingerprint()
    }

    /// Whether calls of an origin may reach a module.
    pub(crate) fn approval(&self, origin: &RequestOrigin) -> Approval {
        self.consent.approval(origin)
    }

    /// The caller for a new connection of `origin`. The bridge sends `slot` events to `events`.
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
        if let Call::Hello(Hello { ask_user: Some(false), .. }) = &call {
            self.consent.require(&caller.origin)?;
        }
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
            rules: &self.rules,
            received,
        };
        let (module, task) = match call {
            Call::Hello(params) => return encode_result(&self.hello(&caller.origin, &params)?),
            Call::Modules(_) => return encode_result(&self.list_modules(session)),
            // The connection handles `cancel`, because it knows its requests in flight.
            Call::Cancel(_) => return encode_result(&false),
            Call::SignData(params) => {
                let context = signing(module(params.module.as_deref())?);
                return single::sign(&self.pins, context, params).await;
            }
            Call::SignDataBatch(params) => {
                let context = signing(module(params.module.as_deref())?);
                return batch::sign(&self.pins, context, params, control).await;
            }
            Call::Authenticate(params) => {
                let context = signing(module(params.module.as_deref())?);
                return authenticate(&self.pins, context, params).await;
            }
            Call::WatchSlots(params) => {
                let module = module(params.module.as_deref())?;
                return self.watch_slots(caller, session, module).await;
            }
            Call::UnwatchSlots(params) => {
                let module = module(params.module.as_deref())?;
                return encode_result(&caller.slot_events.stop(&module.name));
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
                let context = signing(module(params.module.as_deref())?);
                return listing::certificates(&self.pins, context, params).await;
            }
            Call::Keys(params) => {
                let context = signing(module(params.module.as_deref())?);
                return listing::keys(&self.pins, context, params).await;
            }
            Call::VerifySignedData(params) => {
                let context = signing(module(params.module.as_deref())?);
                return verify::verify(context, params).await;
            }
        };
        let request = Request::without_login(&task);
        self.supervisor.execute(session, module, &request).await?.result()
    }

    async fn watch_slots(
        &self,
        caller: &Caller,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
    ) -> Result<Box<RawValue>, Failure> {
        let events = &caller.slot_events;
        let started = !events.has(&module.name)
            && events.start(&module.name, self.supervisor.watch_slots(session, module).await?);
        encode_result(&started)
    }

    /// Watches the state file until the future is dropped. Ends the sessions of revoked origins.
    pub(crate) async fn watch_approvals(&self) {
        let Some(file) = self.approvals.file() else { return std::future::pending().await };
        let mut may_be_removed = false;
        loop {
            // Start the watch before reading the file, so that it does not miss a change.
            let watch = Watch::start(file);
            let approvals = Arc::clone(&self.approvals);
            let _ = tokio::task::spawn_blocking(move || approvals.set_unreadable_aside()).await;
            // Not beside the calls of pages, which may read the file too.
            for origin in self.consent.reload() {
                tracing::info!(%origin, "revoked");
                self.supervisor.revoke(&origin);
            }
            match watch {
                // A folder that is just being removed may take the watch along.
                Ok(watch) if may_be_removed => {
                    may_be_removed = timeout(SETTLE, watch.changed()).await.is_ok();
                }
                Ok(watch) => {
                    watch.changed().await;
                    may_be_removed = true;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot watch the state file; it is read again later");
                    tokio::time::sleep(UNWATCHED_PAUSE).await;
                }
            }
        }
    }

    /// Stores the latest time seen in the state file: every hour, until the future is dropped.
    pub(crate) async fn record_time(&self) {
        loop {
            tokio::time::sleep(RECORD_INTERVAL).await;
            self.record_time_once().await;
        }
    }

    /// Stores the latest time seen in the state file.
    pub(crate) async fn record_time_once(&self) {
        let approvals = Arc::clone(&self.approvals);
        let _ = tokio::task::spawn_blocking(move || approvals.record_time()).await;
    }

    /// Ends all logins when the screen is locked and when the computer goes to sleep.
    pub(crate) async fn watch_desktop_session(&self) {
        let mut events = desktop_session::watch();
        while let Some(event) = events.recv().await {
            self.supervisor.log_out(event.reason).await;
        }
        std::future::pending().await
    }

    /// Whether the bridge would forget something that protects the user if it ended now.
    pub(crate) fn is_needed(&self) -> bool {
        self.consent.remembers_refusals()
    }

    /// Closes all dialogs and shows no further one, because the bridge stops.
    pub(crate) fn close_dialogs(&self) {
        self.dialogs.close();
    }

    /// Ends all workers and waits for their end. Call this after all connections have closed.
    pub(crate) async fn end_workers(&self) {
        self.supervisor.end().await;
    }

    /// Only approved origins get here: others could recognize the user by the key.
    fn hello(&self, origin: &RequestOrigin, params: &Hello) -> Result<HelloInfo, Failure> {
        let Endpoint { key, port, skipped_ports } = &self.endpoint;
        let prove = |nonce| key.prove(nonce, *port, &origin.to_string());
        Ok(HelloInfo {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: SUBPROTOCOL.to_owned(),
            methods: Call::METHODS.iter().map(ToString::to_string).collect(),
            pin_entry: self.pins.policy(),
            skipped_ports: skipped_ports.iter().map(|&port| SkippedPort { port }).collect(),
            identity: params.nonce.as_ref().map(prove).transpose()?,
        })
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
        } else if self.supervisor.is_suspended(session, module) {
            ModuleState::SetAside
        } else if !module.path.is_file() {
            ModuleState::Missing
        } else if self.supervisor.start_failed(session, module) {
            ModuleState::NotReady
        } else {
            ModuleState::Available
        }
    }
}

const LOG_INTERVAL: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_secs(1);
const UNWATCHED_PAUSE: Duration = Duration::from_secs(10);

fn no_session() -> Failure {
    let message = "The user cannot approve this page, because it has no origin.";
    Failure::new(ErrorCode::OriginNotApproved, message)
}
