//! Consent: whether an origin may use tokens. The settings or the user's approvals decide first. If
//! they do not, the bridge asks the user. A denial starts a cooldown for the origin. A block lasts
//! until the user undoes it.

mod failures;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::watch;

use crate::access::approvals::{Approvals, DAY};
use crate::access::calendar;
use crate::access::cooldowns::{Cooldowns, minutes};
use crate::access::origin::{AllowedOrigins, Approval, Origin, RequestOrigin};
use crate::access::pin_silences::PinSilences;
use crate::dialog::question::ConsentQuestion;
use crate::dialog::{Answer, ConsentOutcome, Dialogs, Question};
use crate::process::lock::lock;
use failures::{forbidden, opaque};

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
    pin_silences: Mutex<PinSilences>,
}

/// The outcome of a question.
#[derive(Clone, Debug)]
enum Verdict {
    Allowed,
    Denied,
    Blocked,
    NotAnswered,
    /// All pages of the origin left while the question was on the screen.
    PagesLeft,
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
        let (questions, cooldowns, pin_silences) = Default::default();
        Self { allowed, approvals, lifetime, dialogs, questions, cooldowns, pin_silences }
    }

    /// Whether calls of an origin may reach a module now.
    pub(crate) fn approval(&self, origin: &RequestOrigin) -> Approval {
        match origin {
            RequestOrigin::Tuple(origin) if self.allowed.forbids(origin) => Approval::NotApproved,
            RequestOrigin::Tuple(origin) if self.approvals.is_blocked(origin) => {
                Approval::NotApproved
            }
            RequestOrigin::Tuple(origin) if self.approvals.is_approved(origin) => {
                Approval::Approved
            }
            origin => self.allowed.approval(origin),
        }
    }

    /// Fails if calls of an origin may not reach a module now. Asks nothing.
    pub(crate) fn require(&self, origin: &RequestOrigin) -> Result<(), Failure> {
        self.approvals.check_file();
        if self.approval(origin) == Approval::Approved {
            return Ok(());
        }
        if let RequestOrigin::Tuple(origin) = origin {
            self.check_not_refused(origin)?;
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
        self.approvals.check_file();
        self.check_not_refused(origin)?;
        if self.approvals.is_approved(origin) {
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

    /// Fails if the configuration forbids the origin, or if the user has blocked it.
    fn check_not_refused(&self, origin: &Origin) -> Result<(), Failure> {
        if self.allowed.forbids(origin) {
            Err(forbidden(origin))
        } else if self.approvals.is_blocked(origin) {
            Err(self.blocked(origin))
        } else {
            Ok(())
        }
    }

    /// Fails if the bridge must not ask the user for PINs of this origin now.
    pub(crate) fn check_pin_silence(&self, origin: &RequestOrigin) -> Result<(), Failure> {
        let RequestOrigin::Tuple(origin) = origin else { return Ok(()) };
        self.approvals.check_file();
        let approved = self.approvals.approved_at(origin);
        match lock(&self.pin_silences).left(origin, approved, Instant::now()) {
            None => Ok(()),
            Some(left) => Err(Failure::new(
                ErrorCode::PinEntryCancelled,
                format!(
                    "The user cancelled the PIN entry for {origin} twice, so the bridge does not \
                     ask for a PIN for {} min. To end this now, run {}",
                    minutes(left),
                    self.command_for_page("allow", origin)
                ),
            )),
        }
    }

    /// Records that the user cancelled the entry of a PIN.
    pub(crate) fn pin_cancelled(&self, origin: &RequestOrigin) {
        if let RequestOrigin::Tuple(origin) = origin {
            lock(&self.pin_silences).cancelled(origin, Instant::now());
        }
    }

    /// Records that the user entered the right PIN.
    pub(crate) fn pin_entered(&self, origin: &RequestOrigin) {
        if let RequestOrigin::Tuple(origin) = origin {
            lock(&self.pin_silences).entered(origin);
        }
    }

    /// Whether a refusal of the user still counts. Only the memory of this process holds it.
    pub(crate) fn remembers_refusals(&self) -> bool {
        let now = Instant::now();
        lock(&self.cooldowns).remembers_denials(now)
            || lock(&self.pin_silences).remembers_cancelled(now)
    }

    /// Reads the state file again. Returns the origins whose connections must be closed, because
    /// the user has just revoked or blocked them. Starts the cooldown of those that were revoked.
    pub(crate) fn reload(&self) -> Vec<Origin> {
        let removed = self.approvals.reload().into_iter();
        let revoked: Vec<_> = removed
            .filter(|origin| {
                let origin = RequestOrigin::Tuple(origin.clone());
                self.approval(&origin) == Approval::NotApproved
            })
            .collect();
        let mut cooldowns = lock(&self.cooldowns);
        for origin in revoked.iter().filter(|origin| !self.approvals.is_blocked(origin)) {
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
    /// A question on the screen goes away when its pages do. That starts a cooldown. Otherwise a
    /// page could make dialogs flicker.
    async fn ask(&self, origin: &Origin, waiting: &watch::Sender<Option<Verdict>>) -> Verdict {
        let question = self.question_about(origin);
        let answer = match self.dialogs.ask_consent(&question, waiting).await {
            ConsentOutcome::Answered(answer) => answer,
            ConsentOutcome::PagesLeft => {
                lock(&self.cooldowns).not_answered(origin, Instant::now());
                return Verdict::PagesLeft;
            }
            ConsentOutcome::NotShown => return Verdict::Busy,
        };
        match answer {
            Answer::Allowed => {
                lock(&self.cooldowns).approved(origin);
                self.approvals.approve(origin, self.lifetime).await;
                Verdict::Allowed
            }
            Answer::Blocked => {
                lock(&self.cooldowns).blocked(origin, Instant::now());
                self.approvals.block(origin).await;
                let command = self.command("unblock", origin);
                tracing::info!(%origin, command, "the user blocked a site");
                Verdict::Blocked
            }
            Answer::Denied | Answer::Cancelled | Answer::Hidden | Answer::Pin(_) => {
                lock(&self.cooldowns).denied(origin, Instant::now());
                Verdict::Denied
            }
            Answer::TimedOut => {
                lock(&self.cooldowns).not_answered(origin, Instant::now());
                Verdict::NotAnswered
            }
            Answer::Unavailable(reason) => {
                lock(&self.cooldowns).cannot_ask(origin, Instant::now());
                let command = self.command("allow", origin);
                tracing::warn!(%origin, %reason, command, "the bridge cannot ask the user");
                Verdict::Unavailable
            }
        }
    }

    fn question_about(&self, origin: &Origin) -> Question {
        Question::Consent(ConsentQuestion {
            origin: origin.as_str().to_owned(),
            days: self.lifetime.as_secs() / DAY.as_secs(),
            until: calendar::day_after(self.lifetime),
        })
    }
}
