//! Whether an origin may use tokens: what the settings allow, what the user has approved, and otherwise
//! the user's answer to a question. A denial keeps the origin from asking again for a while.

mod cooldowns;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::watch;

use crate::access::approvals::{Approvals, StateFile};
use crate::access::origin::{AllowedOrigins, Approval, Origin, RequestOrigin};
use crate::commands::origins::days;
use crate::config::DAY;
use crate::dialog::{Answer, Asking, Busy, Dialogs, Question, text};
use crate::process::lock::lock;
use cooldowns::{Cooldowns, DENIED, Silence};

/// Decides about origins.
pub(crate) struct Consent {
    allowed: AllowedOrigins,
    approvals: Arc<Approvals>,
    /// How long an approval is remembered.
    lifetime: Duration,
    dialogs: Arc<Dialogs>,
    /// The questions that wait or are shown; an origin has one at a time.
    questions: Mutex<HashMap<Origin, watch::Sender<Option<Verdict>>>>,
    cooldowns: Mutex<Cooldowns>,
}

/// What came of a question.
#[derive(Clone, Debug)]
enum Verdict {
    Allowed,
    Denied,
    NotAnswered,
    Busy,
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
            RequestOrigin::Tuple(origin) if self.approvals.hold(origin) => Approval::Approved,
            origin => self.allowed.approval(origin),
        }
    }

    /// Returns when calls of an origin may reach a module, for which the user may have to be asked.
    pub(crate) async fn obtain(self: &Arc<Self>, origin: &RequestOrigin) -> Result<(), Failure> {
        if self.approval(origin) == Approval::Approved {
            return Ok(());
        }
        let RequestOrigin::Tuple(origin) = origin else { return Err(opaque()) };
        if self.approvals.learn(origin) {
            return Ok(());
        }
        let mut verdict = self.join_question(origin)?;
        let verdict = match verdict.wait_for(Option::is_some).await {
            Ok(verdict) => verdict.clone(),
            Err(_) => None,
        };
        match verdict {
            Some(Verdict::Allowed) => Ok(()),
            verdict => Err(self.refusal(origin, &verdict.unwrap_or(Verdict::Busy))),
        }
    }

    /// Reads the state file again. Gives the origins that have to be cut off, and asks nothing about
    /// them for a while: the user has just said no.
    pub(crate) fn reload(&self) -> Vec<Origin> {
        let gone = self.approvals.reload().into_iter();
        let revoked: Vec<_> = gone
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

    fn join_question(
        self: &Arc<Self>,
        origin: &Origin,
    ) -> Result<watch::Receiver<Option<Verdict>>, Failure> {
        let mut questions = lock(&self.questions);
        if let Some(question) = questions.get(origin) {
            return Ok(question.subscribe());
        }
        if let Some(silence) = lock(&self.cooldowns).of(origin, Instant::now()) {
            return Err(self.silenced(origin, silence));
        }
        let (question, verdict) = watch::channel(None);
        questions.insert(origin.clone(), question.clone());
        let (this, origin) = (Arc::clone(self), origin.clone());
        let asked = tokio::spawn({
            let (this, origin, question) = (Arc::clone(&this), origin.clone(), question.clone());
            async move { this.question(&origin, &question).await }
        });
        tokio::spawn(async move {
            // Whatever happens to the question, those who wait for it hear of it.
            let said = asked.await.unwrap_or(Verdict::Busy);
            tracing::info!(%origin, verdict = ?said, "consent");
            lock(&this.questions).remove(&origin);
            question.send_replace(Some(said));
        });
        Ok(verdict)
    }

    /// Asks the user. A question that is shown stays until it is answered, also where its page is gone:
    /// a page could make dialogs flicker otherwise. One that is not shown yet goes with its page.
    async fn question(&self, origin: &Origin, waiting: &watch::Sender<Option<Verdict>>) -> Verdict {
        let mut turn = match self.dialogs.turn(Asking::Consent).await {
            Ok(turn) => turn,
            Err(Busy) => return Verdict::Busy,
        };
        if waiting.is_closed() {
            return Verdict::Busy;
        }
        match turn.ask(&self.question_about(origin)).await {
            Answer::Yes => {
                lock(&self.cooldowns).forget(origin);
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
                lock(&self.cooldowns).not_asked(origin, Instant::now());
                let command = self.command(origin);
                tracing::warn!(%origin, %reason, command, "the user cannot be asked");
                Verdict::Unavailable
            }
        }
    }

    fn question_about(&self, origin: &Origin) -> Question {
        let shown = text::foreign(origin.as_str(), MAX_ORIGIN);
        let punycode = if origin.as_str().contains("xn--") {
            "\nA name with \"xn--\" stands for letters that may look like others. Make sure that this \
             is the site that you mean.\n"
        } else {
            ""
        };
        let days = days(self.lifetime.as_secs() / DAY.as_secs());
        Question::Confirm {
            text: text::lines([
                "pkcs11-bridge: may this site use the smart cards and tokens of this computer?".to_owned(),
                format!("\n    {shown}\n{punycode}"),
                "If you allow it, the site can see their certificates. To sign, most tokens want their PIN."
                    .to_owned(),
                format!("An approval is remembered for {days}."),
            ]),
            yes: "Allow".to_owned(),
            no: "Deny".to_owned(),
        }
    }

    fn refusal(&self, origin: &Origin, verdict: &Verdict) -> Failure {
        let message = match verdict {
            Verdict::Denied | Verdict::Allowed => {
                let silence = lock(&self.cooldowns).of(origin, Instant::now());
                return self.silenced(origin, silence.unwrap_or(Silence::SaidNo(DENIED)));
            }
            Verdict::NotAnswered => format!(
                "The bridge asked the user whether {origin} may use tokens on this computer, and got \
                 no answer within {} s. Look for its dialog, which may be behind other windows, and \
                 try again in a minute.",
                self.dialogs.limit().as_secs()
            ),
            Verdict::Busy => format!(
                "The user could not be asked whether {origin} may use tokens on this computer, because \
                 other questions of the bridge wait for an answer. Answer them and try again."
            ),
            Verdict::Unavailable => return self.unavailable(origin),
        };
        Failure::new(ErrorCode::OriginNotApproved, message)
    }

    fn silenced(&self, origin: &Origin, silence: Silence) -> Failure {
        match silence {
            Silence::NotAsked => self.unavailable(origin),
            Silence::SaidNo(left) => self.denied(origin, left),
            Silence::OfAll(left) => Failure::new(
                ErrorCode::OriginNotApproved,
                format!(
                    "The user has turned down several sites, so that the bridge asks about no other \
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
                "The origin {origin} is not approved to use tokens on this computer, and the bridge \
                 cannot ask: it has neither a pinentry program that works nor a terminal. To approve \
                 the origin, run {}",
                self.command_for_page(origin)
            ),
        )
    }

    fn denied(&self, origin: &Origin, left: Duration) -> Failure {
        let minutes = minutes(left);
        Failure::new(
            ErrorCode::OriginNotApproved,
            format!(
                "The user has not approved {origin} to use tokens on this computer, and is not asked \
                 again for {minutes} min. To approve it, run {}",
                self.command_for_page(origin)
            ),
        )
    }

    /// What approves an origin on the command line, for the log.
    fn command(&self, origin: &Origin) -> String {
        self.command_with(origin, |file| file.path().display().to_string())
    }

    /// The same for a page, which learns no path.
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
    let message = "This page has no origin of its own (it is a sandboxed frame or a local file), so \
                   that it cannot be approved. Serve it from http://localhost or over https.";
    Failure::new(ErrorCode::OriginNotApproved, message)
}

/// A name of the DNS has at most 253 bytes.
const MAX_ORIGIN: usize = 300;
