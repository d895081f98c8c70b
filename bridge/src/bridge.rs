//! Answers calls: the bridge's own methods at once, all others through the worker of the origin that
//! asks.

use std::sync::Arc;

use pkcs11_bridge_protocol::SUBPROTOCOL;
use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::failure::{ErrorObject, Failure, Row};
use pkcs11_bridge_protocol::result::{HelloInfo, ModuleInfo, ModuleState};
use serde_json::value::RawValue;

use crate::config::Settings;
use crate::modules::Modules;
use crate::origin::{AllowedOrigins, Approval, RequestOrigin};
use crate::pipe::{self, Outcome, PinRequest};
use crate::supervisor::{OriginSession, Supervisor};

/// What all connections share.
pub(crate) struct Bridge {
    modules: Modules,
    origins: AllowedOrigins,
    supervisor: Supervisor,
}

/// The right of a connection to call: what keeps its origin's workers alive.
pub(crate) struct Caller {
    origin: RequestOrigin,
    session: Option<Arc<OriginSession>>,
}

impl Caller {
    pub(crate) fn origin(&self) -> &RequestOrigin {
        &self.origin
    }
}

impl Bridge {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            modules: settings.modules,
            origins: settings.origins,
            supervisor: Supervisor::default(),
        }
    }

    /// Whether calls of an origin may reach a module.
    pub(crate) fn approval(&self, origin: &RequestOrigin) -> Approval {
        self.origins.approval(origin)
    }

    /// The caller that a new connection of `origin` is.
    pub(crate) fn caller(&self, origin: RequestOrigin) -> Caller {
        let session = match &origin {
            RequestOrigin::Tuple(origin) => Some(self.supervisor.session(origin)),
            RequestOrigin::Opaque => None,
        };
        Caller { origin, session }
    }

    /// Carries out one call. Nothing of a module is touched for an origin that is not approved.
    pub(crate) async fn answer(
        &self,
        caller: &Caller,
        call: &Call,
    ) -> Result<Box<RawValue>, ErrorObject> {
        let session = match (self.approval(&caller.origin), &caller.session) {
            (Approval::Approved, Some(session)) => session,
            _ => return Err(not_approved(&caller.origin).into()),
        };
        match (call, call.module()) {
            (Call::Hello(_), _) => Ok(pipe::encode_result(&hello())?),
            (_, None) => Ok(pipe::encode_result(&self.list_modules(session))?),
            (_, Some(wanted)) => {
                let module = self.modules.resolve(wanted)?;
                match self.supervisor.call(session, module, call).await? {
                    Outcome::Done(result) => Ok(result),
                    Outcome::Failed(error) => Err(error),
                    Outcome::PinNeeded(request) => Err(pin_missing(&request).into()),
                }
            }
        }
    }

    /// Returns when all workers whose connections are gone have ended.
    pub(crate) async fn workers_ended(&self) {
        self.supervisor.ended().await;
    }

    fn list_modules(&self, session: &OriginSession) -> Vec<ModuleInfo> {
        self.modules
            .iter()
            .map(|module| ModuleInfo {
                name: module.name.to_string(),
                description: module.description.clone(),
                state: if session.is_running(&module.name) {
                    ModuleState::Running
                } else if module.path.is_file() {
                    ModuleState::Available
                } else {
                    ModuleState::Missing
                },
            })
            .collect()
    }
}

fn hello() -> HelloInfo {
    HelloInfo {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: SUBPROTOCOL.to_owned(),
        methods: Call::METHODS.iter().map(ToString::to_string).collect(),
    }
}

fn not_approved(origin: &RequestOrigin) -> Failure {
    let message = match origin {
        RequestOrigin::Tuple(origin) => format!(
            "The origin {origin} is not approved to use tokens on this computer. To approve it, \
             the user starts the bridge with --allow-origin {origin} or adds it to allow_origins in \
             config.toml."
        ),
        RequestOrigin::Opaque => "This page has no origin of its own (it is a sandboxed frame or a \
                                  local file), so that it cannot be approved. Serve it from http://localhost or over https."
            .to_owned(),
    };
    Failure::new(Row::OriginNotApproved, message)
}

fn pin_missing(request: &PinRequest) -> Failure {
    Failure::bad_argument(
        "pin",
        format_args!("is missing: the token \"{}\" needs its PIN to sign.", request.token_label),
    )
}
