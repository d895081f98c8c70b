//! A private D-Bus daemon in the place of the system bus and of the user's session bus. On it stand
//! logind and a notification daemon, as far as the bridge uses them. This machine may have neither.

use std::io::{PipeReader, Read};
use std::os::fd::OwnedFd;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::interface;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

use crate::bridge::Setup;
use crate::private_bus::PrivateBus;
use crate::processes::wait_until;

/// The bus, with both services on it.
pub struct DesktopBus {
    logind: Connection,
    _notifications: Connection,
    inhibitors: Arc<Mutex<Vec<PipeReader>>>,
    notices: Arc<Mutex<Vec<Notice>>>,
    bus: PrivateBus,
}

/// A session of a user.
#[derive(Clone, Copy)]
pub enum Session {
    /// Of the user who runs the tests.
    Own,
    /// Of somebody else.
    Other,
}

/// A call of the notification daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A new notification, or the new text of an old one.
    Shown {
        /// The id of the notification, from 1.
        id: u32,
        /// The id of the notification that it replaces, or 0.
        replaces: u32,
        /// The title.
        title: String,
        /// The text.
        body: String,
    },
    /// The notification is removed.
    Closed {
        /// Its id.
        id: u32,
    },
}

impl DesktopBus {
    /// Starts the bus and both services.
    pub fn start() -> Self {
        let bus = PrivateBus::start();
        let (inhibitors, notices) = (Arc::default(), Arc::default());
        let address = bus.address();
        let service = |name| Builder::address(address.as_str()).expect("an address").name(name);
        let manager = Manager { inhibitors: Arc::clone(&inhibitors) };
        let logind = service("org.freedesktop.login1").expect("a name");
        let logind = logind.serve_at(LOGIND, manager).expect("a path").build().expect("logind");
        let daemon_of_notices = Notifications { notices: Arc::clone(&notices), last: 0 };
        let _notifications = service("org.freedesktop.Notifications")
            .expect("a name")
            .serve_at("/org/freedesktop/Notifications", daemon_of_notices)
            .expect("a path")
            .build()
            .expect("the notification daemon");
        Self { logind, _notifications, inhibitors, notices, bus }
    }

    /// Lets a bridge use the bus.
    pub fn with(&self, setup: Setup) -> Setup {
        let address = self.bus.address();
        setup
            .environment("DBUS_SYSTEM_BUS_ADDRESS", &address)
            .environment("DBUS_SESSION_BUS_ADDRESS", address)
    }

    /// Waits until a bridge delays sleep. Then it follows logind.
    #[track_caller]
    pub fn wait_for_bridge(&self) {
        let delays = || !self.inhibitors.lock().expect("no panic").is_empty();
        assert!(wait_until(START_LIMIT, delays), "the bridge does not follow logind");
    }

    /// The signal `Lock` of a session.
    pub fn lock(&self, session: Session) {
        self.emit(session.path(), "org.freedesktop.login1.Session", "Lock", &());
    }

    /// The property `LockedHint` of a session.
    pub fn set_locked_hint(&self, session: Session, locked: bool) {
        let changed = [("LockedHint", Value::from(locked))];
        let changed: std::collections::HashMap<_, _> = changed.into();
        let body = ("org.freedesktop.login1.Session", changed, Vec::<&str>::new());
        self.emit(session.path(), "org.freedesktop.DBus.Properties", "PropertiesChanged", &body);
    }

    /// The computer goes to sleep. Waits until no program delays that any more.
    #[track_caller]
    pub fn sleep(&self) {
        self.emit(LOGIND, "org.freedesktop.login1.Manager", "PrepareForSleep", &true);
        for mut inhibitor in std::mem::take(&mut *self.inhibitors.lock().expect("no panic")) {
            let (sender, read) = channel();
            thread::spawn(move || sender.send(inhibitor.read(&mut [0])));
            let read = read.recv_timeout(START_LIMIT).expect("the bridge lets the computer sleep");
            assert_eq!(read.expect("a pipe"), 0, "the bridge closes its end");
        }
    }

    /// The computer wakes up.
    pub fn wake_up(&self) {
        self.emit(LOGIND, "org.freedesktop.login1.Manager", "PrepareForSleep", &false);
    }

    /// The calls of the notification daemon so far.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.lock().expect("no panic").clone()
    }

    fn emit<B: serde::Serialize + zbus::zvariant::DynamicType>(
        &self,
        path: &str,
        interface: &str,
        name: &str,
        body: &B,
    ) {
        let sent = self.logind.emit_signal(None::<&str>, path, interface, name, body);
        sent.expect("a signal");
    }
}

impl Session {
    fn path(self) -> &'static str {
        match self {
            Self::Own => "/org/freedesktop/login1/session/_31",
            Self::Other => "/org/freedesktop/login1/session/c2",
        }
    }
}

/// org.freedesktop.login1(5)
struct Manager {
    inhibitors: Arc<Mutex<Vec<PipeReader>>>,
}

#[interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn list_sessions(&self) -> Vec<(String, u32, String, String, OwnedObjectPath)> {
        let uid = rustix::process::getuid().as_raw();
        let session = |session: Session, uid: u32| {
            let path = ObjectPath::try_from(session.path()).expect("a path");
            (uid.to_string(), uid, "user".to_owned(), "seat0".to_owned(), path.into())
        };
        vec![session(Session::Other, uid + 1), session(Session::Own, uid)]
    }

    fn inhibit(&self, what: &str, _who: &str, _why: &str, mode: &str) -> zbus::zvariant::OwnedFd {
        assert_eq!((what, mode), ("sleep", "delay"));
        let (reader, writer) = std::io::pipe().expect("a pipe");
        self.inhibitors.lock().expect("no panic").push(reader);
        OwnedFd::from(writer).into()
    }
}

/// The Desktop Notifications Specification.
struct Notifications {
    notices: Arc<Mutex<Vec<Notice>>>,
    last: u32,
}

#[interface(name = "org.freedesktop.Notifications")]
impl Notifications {
    #[allow(clippy::too_many_arguments)]
    fn notify(
        &mut self,
        _app_name: &str,
        replaces: u32,
        _icon: &str,
        title: &str,
        body: &str,
        _actions: Vec<String>,
        _hints: std::collections::HashMap<String, OwnedValue>,
        _timeout: i32,
    ) -> u32 {
        let id = if replaces == 0 {
            self.last += 1;
            self.last
        } else {
            replaces
        };
        let (title, body) = (title.to_owned(), body.to_owned());
        self.notices.lock().expect("no panic").push(Notice::Shown { id, replaces, title, body });
        id
    }

    fn close_notification(&self, id: u32) {
        self.notices.lock().expect("no panic").push(Notice::Closed { id });
    }

    fn get_capabilities(&self) -> Vec<String> {
        vec!["body".to_owned()]
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        ("test".to_owned(), "test".to_owned(), "1".to_owned(), "1.2".to_owned())
    }
}

const LOGIND: &str = "/org/freedesktop/login1";
const START_LIMIT: Duration = Duration::from_secs(20);
