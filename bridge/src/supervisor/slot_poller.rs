//! Looks at the tokens in a module's slots for as long as somebody listens: when the module says that
//! something has happened (`C_WaitForSlotEvent`), and every second, because well-known modules say nothing,
//! or not always.

use std::sync::{Arc, Weak};
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{OriginSession, Request, Supervisor};
use crate::ipc::frame;
use crate::ipc::pin::PinPermission;
use crate::ipc::task::Task;
use crate::ipc::token_snapshot::{Tokens, changes};
use crate::modules::Module;
use crate::process::lock::lock;

/// The tokens in the slots of a module, as they were seen last. Who is slow sees the latest only.
pub(crate) type TokenSnapshots = watch::Receiver<Arc<Tokens>>;

impl Supervisor {
    /// Has a module's slots looked at until the last one who asked has dropped what this gives. Fails
    /// where they cannot be looked at now.
    pub(crate) async fn watch_slots(
        self: &Arc<Self>,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
    ) -> Result<TokenSnapshots, Failure> {
        let join = || lock(&session.slot_polleres).get(&module.name).map(watch::Sender::subscribe);
        if let Some(seen) = join() {
            return Ok(seen);
        }
        let events = session.slot_events(&module.name).subscribe();
        let tokens = self.look(session, module).await?;
        let mut watches = lock(&session.slot_polleres);
        // Somebody else may have been quicker.
        if let Some(watch) = watches.get(&module.name) {
            return Ok(watch.subscribe());
        }
        let (watch, seen) = watch::channel(Arc::new(tokens));
        watches.insert(module.name.clone(), watch.clone());
        let looking = SlotPoller {
            supervisor: Arc::clone(self),
            session: Arc::downgrade(session),
            module: Arc::clone(module),
            watch,
            events,
            trust: Trust::Unproven,
            vain: 0,
        };
        tokio::spawn(looking.go_on());
        Ok(seen)
    }

    async fn look(
        &self,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
    ) -> Result<Tokens, Failure> {
        let (task, permission) = (Task::SnapshotTokens, PinPermission::None);
        let request = Request { task: &task, permission: &permission };
        let seen = self.execute(session, module, &request).await?.result()?;
        frame::decode(seen.get().as_bytes())
            .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))
    }
}

/// One watch's work.
struct SlotPoller {
    supervisor: Arc<Supervisor>,
    session: Weak<OriginSession>,
    module: Arc<Module>,
    watch: watch::Sender<Arc<Tokens>>,
    events: watch::Receiver<()>,
    trust: Trust,
    /// Events in a row that told of no change.
    vain: u32,
}

/// How far the module's own events can be relied on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Nothing has happened yet.
    Unproven,
    /// The last change was told by an event.
    Proven,
    /// A change was not told, or events told of no change again and again.
    Broken,
}

impl SlotPoller {
    async fn go_on(mut self) {
        let mut pause = LOOK_INTERVAL;
        let watch = self.watch.clone();
        loop {
            let told = tokio::select! {
                () = sleep(pause) => false,
                told = self.told() => told,
                () = watch.closed() => false,
            };
            let Some(session) = self.session.upgrade() else { return };
            if self.is_over(&session) {
                return;
            }
            let seen = tokio::select! {
                seen = self.supervisor.look(&session, &self.module) => seen,
                () = watch.closed() => continue,
            };
            pause = match seen {
                Ok(tokens) => {
                    self.learn(told, tokens);
                    if self.trust == Trust::Proven {
                        LOOK_INTERVAL_WHERE_TOLD
                    } else {
                        LOOK_INTERVAL
                    }
                }
                Err(error) => {
                    tracing::debug!(module = %self.module.name, error.message, "no look at the slots");
                    (pause * 2).min(LONGEST_PAUSE)
                }
            };
        }
    }

    /// Whether nobody listens any more. Then the next one begins another watch.
    fn is_over(&self, session: &OriginSession) -> bool {
        let mut watches = lock(&session.slot_polleres);
        self.watch.is_closed() && watches.remove(&self.module.name).is_some()
    }

    /// `told` says whether an event of the module was the reason to look.
    fn learn(&mut self, told: bool, tokens: Tokens) {
        let changed = self.watch.send_if_modified(|known| {
            let changed = changes(known, &tokens).next().is_some();
            *known = Arc::new(tokens);
            changed
        });
        self.vain = if told && !changed { self.vain + 1 } else { 0 };
        if (changed && !told) || self.vain >= MAX_VAIN {
            self.trust = Trust::Broken;
        } else if changed && self.trust == Trust::Unproven {
            self.trust = Trust::Proven;
        }
    }

    /// Returns when the module says that something has happened.
    async fn told(&mut self) -> bool {
        if self.trust != Trust::Broken && self.events.changed().await.is_ok() {
            return true;
        }
        std::future::pending().await
    }
}

const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const LOOK_INTERVAL_WHERE_TOLD: Duration = Duration::from_secs(10);
/// Between looks at a module that fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// So many events in a row that told of no change are enough.
const MAX_VAIN: u32 = 10;
