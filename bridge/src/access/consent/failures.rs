//! The errors of calls from origins that are not approved, and the commands that approve them.

use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;

use super::{Consent, Verdict};
use crate::access::approvals::StateFile;
use crate::access::cooldowns::{Cooldown, DENIED, minutes};
use crate::access::origin::Origin;
use crate::process::lock::lock;

impl Consent {
    /// The failure of a call whose question ended without an approval.
    pub(super) fn failure(&self, origin: &Origin, verdict: &Verdict) -> Failure {
        let message = match verdict {
            Verdict::Blocked => return self.blocked(origin),
            Verdict::Denied | Verdict::Allowed | Verdict::PagesLeft => {
                let cooldown = lock(&self.cooldowns).get(origin, Instant::now());
                return self.cooldown_failure(origin, cooldown.unwrap_or(Cooldown::Denied(DENIED)));
            }
            Verdict::NotAnswered => format!(
                "The bridge asked the user whether {origin} may use tokens on this computer, and \
                 got no answer within {} s. Try again in a minute, and look for the dialog: it may \
                 be behind other windows.",
                self.dialogs.limit().as_secs()
            ),
            Verdict::Busy => format!(
                "The bridge cannot ask the user whether {origin} may use tokens on this computer, \
                 because its other questions wait for an answer. Answer them and try again."
            ),
            Verdict::Unavailable => return self.unavailable(origin),
        };
        Failure::new(ErrorCode::OriginNotApproved, message)
    }

    pub(super) fn cooldown_failure(&self, origin: &Origin, cooldown: Cooldown) -> Failure {
        match cooldown {
            Cooldown::CannotAsk => self.unavailable(origin),
            Cooldown::Denied(left) => self.denied(origin, left),
            Cooldown::AllOrigins(left) => Failure::new(
                ErrorCode::OriginNotApproved,
                format!(
                    "The user has denied several sites, so the bridge does not ask about any site \
                     for {} min. To approve {origin}, run {}",
                    minutes(left),
                    self.command_for_page("allow", origin)
                ),
            ),
        }
    }

    fn unavailable(&self, origin: &Origin) -> Failure {
        Failure::new(
            ErrorCode::OriginNotApproved,
            format!(
                "The origin {origin} is not approved to use tokens on this computer, and the \
                 bridge cannot ask the user: it has no window, no working pinentry program and no \
                 terminal. To approve the origin, run {}",
                self.command_for_page("allow", origin)
            ),
        )
    }

    fn denied(&self, origin: &Origin, left: Duration) -> Failure {
        let minutes = minutes(left);
        Failure::new(
            ErrorCode::OriginNotApproved,
            format!(
                "The user has not approved {origin} to use tokens on this computer, and is not \
                 asked again for {minutes} min. To approve it, run {}",
                self.command_for_page("allow", origin)
            ),
        )
    }

    pub(super) fn blocked(&self, origin: &Origin) -> Failure {
        Failure::new(
            ErrorCode::OriginNotApproved,
            format!(
                "The user has blocked {origin} on this computer, so the bridge does not ask about \
                 it. To end the block, run {}",
                self.command_for_page("unblock", origin)
            ),
        )
    }

    /// The command that changes what an origin may do, for the log.
    pub(super) fn command(&self, action: &str, origin: &Origin) -> String {
        self.command_with(action, origin, |file| file.path().display().to_string())
    }

    /// The same for a page. It hides the path of the state file.
    pub(super) fn command_for_page(&self, action: &str, origin: &Origin) -> String {
        self.command_with(action, origin, |_| "FILE (see the bridge's log)".to_owned())
    }

    fn command_with(
        &self,
        action: &str,
        origin: &Origin,
        name: impl FnOnce(&StateFile) -> String,
    ) -> String {
        let command = format!("pkcs11-bridge origins {action} {origin}");
        match self.approvals.file() {
            Some(file) if !file.is_default() => format!("{command} --state-file {}", name(file)),
            _ => command,
        }
    }
}

pub(super) fn opaque() -> Failure {
    let message = "The user cannot approve this page, because it has no origin: it is a sandboxed \
                   frame or a local file. Serve it from http://localhost or over https.";
    Failure::new(ErrorCode::OriginNotApproved, message)
}

pub(super) fn forbidden(origin: &Origin) -> Failure {
    Failure::new(
        ErrorCode::OriginNotApproved,
        format!(
            "The configuration of the bridge forbids {origin} to use tokens on this computer. The \
             administrator of the computer can change that."
        ),
    )
}
