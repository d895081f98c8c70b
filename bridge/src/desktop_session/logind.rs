//! Listens to logind on the system bus (org.freedesktop.login1(5)), in a thread of its own. Without
//! that bus it looks for one now and then.
//!
//! The thread delays sleep until the logins have ended ("inhibitor lock").

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use tokio::sync::mpsc::UnboundedSender;
use zbus::MatchRule;
use zbus::blocking::fdo::DBusProxy;
use zbus::blocking::{Connection, MessageIterator};
use zbus::message::{Message, Type};
use zbus::names::BusName;
use zbus::zvariant::{OwnedFd, OwnedObjectPath, OwnedValue};

use super::SessionEvent;
use crate::supervisor::LogoutReason;

pub(super) fn start(events: UnboundedSender<SessionEvent>) {
    let watch = move || {
        while !events.is_closed() {
            if let Err(error) = watch(&events) {
                tracing::debug!(%error, "cannot learn of screen locks and sleep from logind");
            }
            thread::sleep(RETRY_PAUSE);
        }
    };
    if let Err(error) = thread::Builder::new().name("logind".to_owned()).spawn(watch) {
        tracing::warn!(%error, "logins do not end when the screen is locked");
    }
}

/// Passes events on until the connection to the bus ends.
fn watch(events: &UnboundedSender<SessionEvent>) -> zbus::Result<()> {
    let logind = Logind { connection: Connection::system()? };
    let bus = DBusProxy::new(&logind.connection)?;
    let messages = MessageIterator::from(&logind.connection);
    for rule in [
        logind.rule(MANAGER, "PrepareForSleep")?,
        logind.rule(SESSION, "Lock")?,
        logind.rule("org.freedesktop.DBus.Properties", "PropertiesChanged")?,
    ] {
        bus.add_match_rule(rule)?;
    }
    let mut delay = logind.delay_sleep();
    tracing::debug!("logins end when logind tells of a screen lock or sleep");
    for message in messages {
        let message = message?;
        match logind.event(&bus, &message) {
            Some(Event::Lock) => drop(report(events, LogoutReason::ScreenLocked)),
            Some(Event::Sleep) => {
                let handled = report(events, LogoutReason::Suspend);
                let _ = handled.recv_timeout(LOGOUT_LIMIT);
                delay = None;
            }
            Some(Event::WakeUp) if delay.is_none() => delay = logind.delay_sleep(),
            Some(Event::WakeUp) | None => {}
        }
    }
    Ok(())
}

/// The receiver ends when the event was handled.
fn report(
    events: &UnboundedSender<SessionEvent>,
    reason: LogoutReason,
) -> std::sync::mpsc::Receiver<()> {
    let (handled, receiver) = sync_channel(0);
    let _ = events.send(SessionEvent { reason, _handled: handled });
    receiver
}

enum Event {
    Lock,
    Sleep,
    WakeUp,
}

struct Logind {
    connection: Connection,
}

impl Logind {
    fn rule(&self, interface: &'static str, member: &'static str) -> zbus::Result<MatchRule<'_>> {
        Ok(MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(NAME)?
            .path_namespace(PATH)?
            .interface(interface)?
            .member(member)?
            .build())
    }

    /// What a message tells. `None` if it is not from logind, or not about a session of this user.
    fn event(&self, bus: &DBusProxy<'_>, message: &Message) -> Option<Event> {
        let header = message.header();
        let (interface, member) = (header.interface()?.as_str(), header.member()?.as_str());
        if header.message_type() != Type::Signal || !is_from_logind(bus, message) {
            return None;
        }
        match (interface, member) {
            (MANAGER, "PrepareForSleep") => {
                let begins: bool = message.body().deserialize().ok()?;
                Some(if begins { Event::Sleep } else { Event::WakeUp })
            }
            (SESSION, "Lock") => self.is_own(header.path()?.as_str()).then_some(Event::Lock),
            (_, "PropertiesChanged") => {
                type Changes = (String, HashMap<String, OwnedValue>, Vec<String>);
                let (interface, changed, _): Changes = message.body().deserialize().ok()?;
                let is_locked =
                    changed.get("LockedHint").and_then(|hint| bool::try_from(hint).ok());
                let locks = interface == SESSION && is_locked == Some(true);
                (locks && self.is_own(header.path()?.as_str())).then_some(Event::Lock)
            }
            _ => None,
        }
    }

    /// Whether the session at this path belongs to this user. If logind does not say, it does.
    fn is_own(&self, path: &str) -> bool {
        type Sessions = Vec<(String, u32, String, String, OwnedObjectPath)>;
        let uid = rustix::process::getuid().as_raw();
        let listed =
            self.connection.call_method(Some(NAME), PATH, Some(MANAGER), "ListSessions", &());
        let sessions = listed.and_then(|reply| reply.body().deserialize::<Sessions>());
        sessions.map_or(true, |sessions| {
            let mut at_path = sessions.iter().filter(|(.., at)| at.as_str() == path);
            at_path.next().is_none_or(|(_, owner, ..)| *owner == uid)
        })
    }

    /// Delays sleep for some seconds, until the result is dropped.
    fn delay_sleep(&self) -> Option<OwnedFd> {
        let arguments = ("sleep", "pkcs11-bridge", "Log out of smart cards", "delay");
        let reply =
            self.connection.call_method(Some(NAME), PATH, Some(MANAGER), "Inhibit", &arguments);
        let lock = reply.and_then(|reply| reply.body().deserialize::<OwnedFd>());
        let lock = lock.inspect_err(|error| tracing::debug!(%error, "cannot delay sleep")).ok()?;
        // A worker that inherits the lock would delay sleep until it ends.
        fcntl_setfd(&lock, FdFlags::CLOEXEC)
            .inspect_err(|error| tracing::warn!(%error, "workers may delay sleep"))
            .ok()?;
        Some(lock)
    }
}

fn is_from_logind(bus: &DBusProxy<'_>, message: &Message) -> bool {
    let Ok(name) = BusName::try_from(NAME) else { return false };
    let header = message.header();
    let sender = header.sender().map(|sender| sender.as_str());
    bus.get_name_owner(name).is_ok_and(|owner| Some(owner.as_str()) == sender)
}

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
/// logind waits for 5 s at most, unless it is configured otherwise.
const LOGOUT_LIMIT: Duration = Duration::from_secs(4);
const RETRY_PAUSE: Duration = Duration::from_secs(30);
