//! Executes requests, in a fresh worker if the first one is broken. A module may lose its state, or
//! its connection to the token, and then fail for ever in its process.
//!
//! No request that lets the worker send a PIN comes here, so no PIN is sent again.

use std::sync::Arc;
use std::time::Instant;

use pkcs11_bridge_protocol::failure::Failure;

use super::Supervisor;
use super::session::OriginSession;
use super::suspicion::Suspicion;
use super::worker::{Delivery, Request, WorkerHandle};
use crate::ipc::message::Outcome;
use crate::modules::Module;

impl Supervisor {
    /// Executes a request on the origin's worker for the module. If the module answers with an
    /// error that may last, or finds nothing any more, a fresh worker replaces this one and gets
    /// the request again. If the request uses a login, which ends with its worker, it fails, unless
    /// the page has sent the PIN for another login.
    pub(crate) async fn execute(
        &self,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
        request: &Request<'_>,
    ) -> Result<Outcome, Failure> {
        let (worker, outcome) = self.execute_once(session, module, request).await?;
        let Some(suspicion) = self.doubt(session, module, &worker, request, &outcome) else {
            return Ok(outcome);
        };
        if worker.is_alive() {
            if suspicion == Suspicion::Error && worker.has_login() {
                // The error may be of this call alone. Do not end the logins for it.
                let Delivery::Answered(second, _) = worker.deliver(request).await? else {
                    return Ok(outcome);
                };
                if self.doubt(session, module, &worker, request, &second).is_none() {
                    return Ok(second);
                }
            }
            if worker.is_alive() && !session.may_replace_worker(&module.name) {
                return Ok(outcome);
            }
        }
        let uses_login = worker.is_logged_in_for(request) && request.task.page_pin().is_none();
        worker.retire();
        session.drop_ended_worker(&module.name);
        let module_name = &module.name;
        if suspicion == Suspicion::Error {
            tracing::warn!(module = %module_name, "a fresh worker replaces one that fails");
        } else {
            // Perhaps the user has only taken the token out.
            tracing::debug!(module = %module_name, ?suspicion, "a fresh worker replaces another");
        }
        if uses_login {
            return Ok(outcome);
        }
        drop(worker);
        let (fresh, again) = self.execute_once(session, module, request).await?;
        if self.suspicion(session, module, &fresh, request, &again).is_none() {
            session.replacement_helped(&module.name);
        }
        Ok(again)
    }

    /// Executes a request. The request goes to a fresh worker if the first one did not get it, or
    /// if the module had lost its state and so did nothing.
    async fn execute_once(
        &self,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
        request: &Request<'_>,
    ) -> Result<(WorkerHandle, Outcome), Failure> {
        for _ in 1..MAX_WORKERS_PER_REQUEST {
            let worker = self.worker(session, module).await?;
            match worker.deliver(request).await? {
                Delivery::Answered(Outcome::ModuleLost(_), _) | Delivery::NotSent(_) => {}
                Delivery::Answered(outcome, _) => return Ok((worker, outcome)),
                Delivery::Refused(failure) => return Err(failure),
            }
        }
        let worker = self.worker(session, module).await?;
        let outcome = worker.execute(request).await?;
        if let Outcome::ModuleLost(_) = outcome {
            self.breaker(session, module).record_failure(Instant::now());
        }
        Ok((worker, outcome))
    }

    /// What an outcome says against the worker. Records it if it says nothing.
    fn suspicion(
        &self,
        session: &OriginSession,
        module: &Module,
        worker: &WorkerHandle,
        request: &Request<'_>,
        outcome: &Outcome,
    ) -> Option<Suspicion> {
        let suspicion = Suspicion::of(request.task, outcome);
        if suspicion.is_none() && matches!(outcome, Outcome::Done(_)) {
            worker.history().record_success(request.task);
            if request.task.slot().is_some() {
                session.token_worked(&module.name);
            }
        }
        suspicion
    }

    /// [`Supervisor::suspicion`], if a fresh worker may do better and costs no login that works.
    fn doubt(
        &self,
        session: &OriginSession,
        module: &Module,
        worker: &WorkerHandle,
        request: &Request<'_>,
        outcome: &Outcome,
    ) -> Option<Suspicion> {
        let task = request.task;
        let suspicion = self.suspicion(session, module, worker, request, outcome)?;
        let is_repeatable = task.reading().is_some() || task.login_slot().is_some();
        let ends_other_login =
            suspicion == Suspicion::Absent && worker.has_login_beside(task.slot());
        let is_doubtful = || worker.history().is_doubtful(task, suspicion);
        (is_repeatable && !ends_other_login && is_doubtful()).then_some(suspicion)
    }
}

const MAX_WORKERS_PER_REQUEST: usize = 3;
