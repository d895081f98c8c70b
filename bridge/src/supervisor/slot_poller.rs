//! Polls the tokens in a module's slots while a page watches them: when the module reports an event
//! (`C_WaitForSlotEvent`), and every second, because well-known modules report no events, or only
//! some.

use std::sync::{Arc, Weak};
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Supervisor;
use super::session::{OriginSession, TokenSnapshots};
use super::worker::Request;
use crate::ipc::frame;
use crate::ipc::task::Task;
use crate::ipc::token_snapshot::{TokenSnapshot, changes};
use crate::modules::Module;

impl Supervisor {
    /// Polls a module's slots until all receivers of the snapshots are dropped. Fails if the first
    /// poll fails.
    pub(crate) async fn watch_slots(
        self: &Arc<Self>,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
    ) -> Result<TokenSnapshots, Failure> {
        if let Some(snapshots) = session.snapshots(&module.name) {
            return Ok(snapshots);
        }
        let events = session.slot_events(&module.name);
        let first = self.poll_tokens(session, module).await?;
        let (snapshots, sender) = session.begin_snapshots(&module.name, first);
        if let Some(sender) = sender {
            let poller = SlotPoller {
                supervisor: Arc::clone(self),
                session: Arc::downgrade(session),
                module: Arc::clone(module),
                snapshots: sender,
                events,
                trust: Trust::Unproven,
                false_events: 0,
            };
            tokio::spawn(poller.run());
        }
        Ok(snapshots)
    }

    async fn poll_tokens(
        &self,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
    ) -> Result<TokenSnapshot, Failure> {
        let request = Request::without_login(&Task::SnapshotTokens);
        let tokens = self.execute(session, module, &request).await?.result()?;
        frame::decode(tokens.get().as_bytes())
            .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))
    }
}

struct SlotPoller {
    supervisor: Arc<Supervisor>,
    session: Weak<OriginSession>,
    module: Arc<Module>,
    snapshots: watch::Sender<Arc<TokenSnapshot>>,
    /// Held while the poller runs, so that the worker knows that its slots are watched.
    events: watch::Receiver<()>,
    trust: Trust,
    /// How many events in a row came without a change.
    false_events: u32,
}

/// How far the poller relies on the module's events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// No token has come or gone yet.
    Unproven,
    /// An event reported the last change.
    Proven,
    /// No event reported a change, or many events came without a change.
    Broken,
}

impl SlotPoller {
    async fn run(mut self) {
        let mut pause = INTERVAL;
        let snapshots = self.snapshots.clone();
        loop {
            let by_event = tokio::select! {
                () = sleep(pause) => false,
                () = self.event() => true,
                () = snapshots.closed() => false,
            };
            let Some(session) = self.session.upgrade() else { return };
            // The next page that watches the slots begins another poller.
            if session.end_snapshots(&self.module.name) {
                return;
            }
            let tokens = tokio::select! {
                tokens = self.poll(&session) => tokens,
                () = snapshots.closed() => continue,
            };
            pause = match tokens {
                Ok(tokens) => {
                    self.publish(tokens, by_event);
                    if self.trust == Trust::Proven { INTERVAL_WITH_EVENTS } else { INTERVAL }
                }
                Err(failure) => {
                    let module = &self.module.name;
                    tracing::debug!(%module, %failure, "polling the slots failed");
                    (pause * 2).min(LONGEST_PAUSE)
                }
            };
        }
    }

    /// Polls the slots. Takes no place from a worker of another origin.
    async fn poll(&self, session: &Arc<OriginSession>) -> Result<TokenSnapshot, Failure> {
        if !session.is_running(&self.module.name) && !self.supervisor.permits.has_free() {
            let message = "All workers are used, and watching slots takes no place from them.";
            return Err(Failure::new(ErrorCode::TooManyRequests, message));
        }
        self.supervisor.poll_tokens(session, &self.module).await
    }

    /// Publishes a snapshot, and learns from it whether the module's events can be relied on.
    fn publish(&mut self, tokens: TokenSnapshot, by_event: bool) {
        let changed = self.snapshots.send_if_modified(|known| {
            let changed = changes(known, &tokens).next().is_some();
            *known = Arc::new(tokens);
            changed
        });
        self.false_events = if by_event && !changed { self.false_events + 1 } else { 0 };
        if (changed && !by_event) || self.false_events >= MAX_FALSE_EVENTS {
            self.trust = Trust::Broken;
        } else if changed && self.trust == Trust::Unproven {
            self.trust = Trust::Proven;
        }
    }

    /// Returns when the module reports an event, and never if its events are of no use.
    async fn event(&mut self) {
        if self.trust != Trust::Broken && self.events.changed().await.is_ok() {
            return;
        }
        std::future::pending().await
    }
}

const INTERVAL: Duration = Duration::from_secs(1);
/// The interval for a module whose events can be relied on.
const INTERVAL_WITH_EVENTS: Duration = Duration::from_secs(10);
/// The longest pause after a poll that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// After so many events without a change the poller ignores the events.
const MAX_FALSE_EVENTS: u32 = 10;
