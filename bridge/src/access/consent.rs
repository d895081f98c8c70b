//! Consent: whether an origin may use tokens. The settings or the user's approvals decide first. If
//! they do not, the bridge asks the user. A denial starts a cooldown for the origin.

mod cooldowns;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::watch;

use crate::access::approvals::{Approvals, DAY, StateFile, in_days};
use crate::access::origin::{AllowedOrigins, Approval, Origin, RequestOrigin};
use crate::dialog::{Answer, Busy, Dialogs, Question, QuestionKind, text};
use crate::process::lock::lock;
use cooldowns::{Cooldown, Cooldowns, DENIED};

/// Decides which origins may use tokens.
pub(crate) struct Consent {
    allowed: AllowedOrigins,
    approvals: Arc<Approvals>,
    /// How long an approval lasts.
    lifetime: Duration,
    dialogs: Arc<Dialogs>,
    /// The questions that wait or are on the screen, at most one for each origin.
    questions: Mutex<HashMap<Origin, watch::Sender<Option<Verdict>>>>,
    cooldowns: Mutex<Cooldowns>,
}

/// The outcome of a question.
#[derive(Clone, Debug)]
enum Verdict {
    Allowed,
    Denied,
    NotAnswered,
    /// Other questions wait, or the bridge stops.
    Busy,
    /// The bridge cannot show a question.
    Unavailable,
}

impl Consent {
    pub(crate) fn new(
        allowed: AllowedOrigins,
        approvals: Arc<Approvals>,
        lifetime: Duration,
        dialogs: Arc<Dialogs>,
    ) -> Self {
        let (questions, cooldowns) = Default::default();
        Self { allowed, approvals, lifetime, dialogs, questions, cooldowns }
    }

    /// Whether calls of an origin may reach a module now.
    pub(crate) fn approval(&self, origin: &RequestOrigin) -> Approval {
        match origin {
            RequestOrigin::Tuple(origin) if self.approvals.is_approved(origin) => {
                Approval::Approved
            }
            origin => self.allowed.approval(origin),
        }
    }

    /// Fails if calls of an origin may not reach a module now. Asks nothing.
    pub(crate) fn require(&self, origin: &RequestOrigin) -> Result<(), Failure> {
        let approved = self.approval(origin) == Approval::Approved
            || matches!(origin, RequestOrigin::Tuple(origin) if self.approvals.check_file(origin));
        if approved {
            return Ok(());
        }
        let message = "The user has not approved this site yet. The next call asks the user.";
        Err(Failure::new(ErrorCode::OriginNotApproved, message))
    }

    /// Waits until calls of an origin may reach a module. Asks the user if necessary.
    pub(crate) async fn obtain(self: &Arc<Self>, origin: &RequestOrigin) -> Result<(), Failure> {
        if self.approval(origin) == Approval::Approved {
            return Ok(());
        }
        let RequestOrigin::Tuple(origin) = origin else { return Err(opaque()) };
        if self.approvals.check_file(origin) {
            return Ok(());
        }
        let mut verdict = self.join_question(origin)?;
        let verdict = match verdict.wait_for(Option::is_some).await {
            Ok(verdict) => verdict.clone(),
            Err(_) => None,
        };
        match verdict {
            Some(Verdict::Allowed) => Ok(()),
            verdict => Err(self.failure(origin, &verdict.unwrap_or(Verdict::Busy))),
        }
    }

    /// Reads the state file again. Returns the origins whose connections must be closed. Starts
    /// their cooldown, because the user has just revoked them.
    pub(crate) fn reload(&self) -> Vec<Origin> {
        let removed = self.approvals.reload().into_iter();
        let revoked: Vec<_> = removed
            .filter(|origin| {
                let origin = RequestOrigin::Tuple(origin.clone());
                self.approval(&origin) == Approval::NotApproved
            })
            .collect();
        let mut cooldowns = lock(&self.cooldowns);
        for origin in &revoked {
            cooldowns.denied(origin, Instant::now());
        }
        revoked
    }

    /// Subscribes to the question about an origin. Starts the question if there is none yet.
    fn join_question(
        self: &Arc<Self>,
        origin: &Origin,
    ) -> Result<watch::Receiver<Option<Verdict>>, Failure> {
        let mut questions = lock(&self.questions);
        if let Some(question) = questions.get(origin) {
            return Ok(question.subscribe());
        }
        if let Some(cooldown) = lock(&self.cooldowns).get(origin, Instant::now()) {
            return Err(self.cooldown_failure(origin, cooldown));
        }
        let (question, verdict) = watch::channel(None);
        questions.insert(origin.clone(), question.clone());
        let (this, origin) = (Arc::clone(self), origin.clone());
        let asked = tokio::spawn({
            let (this, origin, question) = (Arc::clone(&this), origin.clone(), question.clone());
            async move { this.ask(&origin, &question).await }
        });
        tokio::spawn(async move {
            // Even if the question panics, send a verdict to the calls that wait for it.
            let verdict = asked.await.unwrap_or(Verdict::Busy);
            tracing::info!(%origin, ?verdict, "consent");
            lock(&this.questions).remove(&origin);
            question.send_replace(Some(verdict));
        });
        Ok(verdict)
    }

    /// Asks the user.
    ///
    /// A question on the screen stays until the user answers it, even if its page has gone.
    /// Otherwise a page could make dialogs flicker. A question that is not on the screen yet is
    /// dropped with its page.
    async fn ask(&self, origin: &Origin, waiting: &watch::Sender<Option<Verdict>>) -> Verdict {
        let mut turn = match self.dialogs.turn(QuestionKind::Consent).await {
            Ok(turn) => turn,
            Err(Busy) => return Verdict::Busy,
        };
        if waiting.is_closed() {
            return Verdict::Busy;
        }
        match turn.ask(&self.question_about(origin)).await {
            Answer::Yes => {
                lock(&self.cooldowns).approved(origin);
                self.approvals.approve(origin, self.lifetime).await;
                Verdict::Allowed
            }
            Answer::No | Answer::Cancelled | Answer::Pin(_) => {
                lock(&self.cooldowns).denied(origin, Instant::now());
                Verdict::Denied
            }
            Answer::TimedOut => {
                lock(&self.cooldowns).not_answered(origin, Instant::now());
                Verdict::NotAnswered
            }
            Answer::Stopping => Verdict::Busy,
            Answer::Unavailable(reason) => {
                lock(&self.cooldowns).cannot_ask(origin, Instant::now());
                let command = self.command(origin);
                tracing::warn!(%origin, %reason, command, "the bridge cannot ask the user");
                Verdict::Unavailable
            }
        }
    }

    fn question_about(&self, origin: &Origin) -> Question {
        let shown = text::make_safe(origin.as_str(), MAX_ORIGIN);
        let punycode = if origin.as_str().contains("xn--") {
            "\nA name with \"xn--\" has letters that may look like other letters. Make sure that \
             this is the site that you mean.\n"
        } else {
            ""
        };
        let days = in_days(self.lifetime.as_secs() / DAY.as_secs());
        Question::Confirm {
            text: text::join_lines([
                "pkcs11-bridge: may this site use the smart cards and tokens of this computer?"
                    .to_owned(),
                format!("\n    {shown}\n{punycode}"),
                "If you allow it, the site can see their certificates. To sign, most tokens need \
                 their PIN."
                    .to_owned(),
                format!("The approval lasts for {days}."),
            ]),
            yes: "Allow".to_owned(),
            no: "Deny".to_owned(),
        }
    }

    /// The failure of a call whose question ended without an approval.
    fn failure(&self, origin: &Origin, verdict: &Verdict) -> Failure {
        let message = match verdict {
            Verdict::Denied | Verdict::Allowed => {
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

    fn cooldown_failure(&self, origin: &Origin, cooldown: Cooldown) -> Failure {
        match cooldown {
            Cooldown::CannotAsk => self.unavailable(origin),
            Cooldown::Denied(left) => self.denied(origin, left),
            Cooldown::AllOrigins(left) => Failure::new(
                ErrorCode::OriginNotApproved,
                format!(
                    "The user has denied several sites, so the bridge does not ask about any site \
                     for {} min. To approve {origin}, run {}",
                    minutes(left),
                    self.command_for_page(origin)
                ),
            ),
        }
    }

    fn unavailable(&self, origin: &Origin) -> Failure {
        Failure::new(
            ErrorCode::OriginNotApproved,
            format!(
                "The origin {origin} is not approved to use tokens on this computer, and the \
                 bridge cannot ask the user: it has neither a working pinentry program nor a \
                 terminal. To approve the origin, run {}",
                self.command_for_page(origin)
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
                self.command_for_page(origin)
            ),
        )
    }

    /// The command that approves an origin, for the log.
    fn command(&self, origin: &Origin) -> String {
        self.command_with(origin, |file| file.path().display().to_string())
    }

    /// The same for a page. It hides the path of the state file.
    fn command_for_page(&self, origin: &Origin) -> String {
        self.command_with(origin, |_| "FILE (see the bridge's log)".to_owned())
    }

    fn command_with(&self, origin: &Origin, name: impl FnOnce(&StateFile) -> String) -> String {
        let command = format!("pkcs11-bridge origins allow {origin}");
        match self.approvals.file() {
            Some(file) if !file.is_default() => format!("{command} --state-file {}", name(file)),
            _ => command,
        }
    }
}

fn minutes(left: Duration) -> u64 {
    left.as_secs().div_ceil(60).max(1)
}

fn opaque() -> Failure {
    let message = "The user cannot approve this page, because it has no origin: it is a sandboxed \
                   frame or a local file. Serve it from http://localhost or over https.";
    Failure::new(ErrorCode::OriginNotApproved, message)
}

/// The most characters of an origin in a dialog. A DNS name has at most 253 bytes.
const MAX_ORIGIN: usize = 300;
