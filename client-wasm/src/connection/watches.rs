//! Which modules the bridge watches for the page: those that the page was given, while it listens to "slot".
//! Each is asked for anew on every connection, and again where that failed; never where the user said no.

use std::mem;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use pkcs11_bridge_protocol::call::{UnwatchSlots, WatchSlots};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use wasm_bindgen_futures::spawn_local;

use super::calls::Outcome;
use super::dialer::Pauses;
use super::{Connection, Link, Reply};

/// The modules that the page was given.
pub(super) struct Watches {
    /// The one that the page means where it names none.
    default: Option<String>,
    all: Vec<Watch>,
    /// How many connections were lost.
    losses: u32,
}

struct Watch {
    module: Option<String>,
    status: Status,
    pauses: Pauses,
}

enum Status {
    /// Not watched, and it may be asked for.
    Idle,
    /// A `watchSlots` or `unwatchSlots` waits for its reply: there are never two of one module.
    Asking,
    Watched,
    /// It failed, and it is a while until the next try.
    Pausing(#[expect(dead_code, reason = "dropping it stops it")] Timeout),
    /// The user has not approved the page, or not any more. Asking would have the user asked.
    Refused,
}

impl Watches {
    pub(super) fn new(default: Option<String>) -> Self {
        Self { default, all: Vec::new(), losses: 0 }
    }

    /// The connection is gone, and what was watched with it.
    pub(super) fn lose(&mut self, revoked: bool) {
        self.losses += 1;
        for watch in &mut self.all {
            watch.status = match mem::replace(&mut watch.status, Status::Idle) {
                Status::Refused => Status::Refused,
                _ if revoked => Status::Refused,
                _ => Status::Idle,
            };
        }
    }

    fn add(&mut self, module: &Option<String>) {
        if self.all.iter().all(|watch| watch.module != *module) {
            let (module, pauses) = (module.clone(), Pauses::new());
            self.all.push(Watch { module, status: Status::Idle, pauses });
        }
    }
}

impl Connection {
    /// The page was given a module.
    pub(crate) fn hand_out(self: &Rc<Self>, module: &Option<String>) {
        self.state.borrow_mut().watches.add(module);
        self.watch();
    }

    /// Asks the bridge for what is to be watched and is not, or the other way round.
    pub(super) fn watch(self: &Rc<Self>) {
        let listening = self.events.slots_wanted();
        let mut state = self.state.borrow_mut();
        if !matches!(&state.link, Link::Open(sender) if sender.is_open()) {
            return;
        }
        let watches = &mut state.watches;
        if listening && watches.all.is_empty() {
            watches.add(&watches.default.clone());
        }
        let losses = watches.losses;
        let mut asked = Vec::new();
        for (at, watch) in watches.all.iter_mut().enumerate() {
            match (&watch.status, listening) {
                (Status::Idle, true) | (Status::Watched, false) => {
                    watch.status = Status::Asking;
                    asked.push((at, watch.module.clone()));
                }
                (Status::Pausing(_), false) => watch.status = Status::Idle,
                _ => {}
            }
        }
        drop(state);
        for (at, module) in asked {
            let reply = self.ask(module.clone(), listening);
            let connection = self.clone();
            spawn_local(async move {
                let outcome = match reply {
                    Ok(reply) => reply.result().await,
                    Err(error) => Err(error),
                };
                // Where the connection was lost, the next one asks.
                if connection.state.borrow().watches.losses == losses {
                    connection.answered(at, module, listening, outcome);
                }
            });
        }
    }

    /// A call was carried out, so the user has approved the page.
    pub(super) fn watch_what_was_refused(self: &Rc<Self>) {
        let mut refused = false;
        for watch in &mut self.state.borrow_mut().watches.all {
            if matches!(watch.status, Status::Refused) {
                watch.status = Status::Idle;
                refused = true;
            }
        }
        if refused {
            self.watch();
        }
    }

    fn ask(self: &Rc<Self>, module: Option<String>, watch: bool) -> Result<Reply, ErrorObject> {
        if watch {
            self.call(WatchSlots { module }, |_| ())
        } else {
            self.call(UnwatchSlots { module }, |_| ())
        }
    }

    fn answered(self: &Rc<Self>, at: usize, module: Option<String>, watch: bool, outcome: Outcome) {
        let status = if watch { self.came_to(at, &outcome) } else { Status::Idle };
        self.state.borrow_mut().watches.all[at].status = status;
        if watch {
            self.events.watch(module.as_deref(), outcome.err());
        }
        // The page may have changed its mind meanwhile.
        self.watch();
    }

    /// What became of a module that was to be watched.
    fn came_to(self: &Rc<Self>, at: usize, outcome: &Outcome) -> Status {
        let pauses = &mut self.state.borrow_mut().watches.all[at].pauses;
        match outcome {
            Ok(_) => {
                *pauses = Pauses::new();
                Status::Watched
            }
            Err(error) if error.is(ErrorCode::OriginNotApproved) => Status::Refused,
            Err(_) => {
                let connection = Rc::downgrade(self);
                Status::Pausing(Timeout::new(pauses.next(), move || {
                    if let Some(connection) = connection.upgrade() {
                        connection.state.borrow_mut().watches.all[at].status = Status::Idle;
                        connection.watch();
                    }
                }))
            }
        }
    }
}
