//! The doctor as a caller of the bridge. It goes the same way as a page: consent, PIN policy,
//! worker, module, and the check of the signature. No web page can have its origin.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pkcs11_bridge_protocol::call::{Call, Method};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::access::origin::{Origin, RequestOrigin};
use crate::config::Settings;
use crate::identity::{IdentityKey, KeyFileError};
use crate::service::{Bridge, Caller, Endpoint};
use crate::signing::batch::BatchControl;

/// A bridge without sockets, and the doctor as its only caller.
pub(crate) struct LocalPage {
    bridge: Bridge,
    caller: Caller,
}

impl LocalPage {
    /// The bridge does not touch the approvals. It counts the tries of PINs as always.
    pub(crate) fn open(mut settings: Settings) -> Result<Self, KeyFileError> {
        let origin = Origin::of_doctor();
        settings.origins = std::iter::once(origin.clone()).collect();
        settings.state_file = None;
        let key = IdentityKey::temporary()?;
        let bridge = Bridge::new(settings, Endpoint { key, port: 0, skipped_ports: Vec::new() });
        let (events, _) = mpsc::channel(1);
        let caller = bridge.caller(RequestOrigin::Tuple(origin), events);
        Ok(Self { bridge, caller })
    }

    /// Calls a method of the bridge.
    pub(crate) async fn call<M: Method>(
        &self,
        call: impl FnOnce(M) -> Call,
        params: M,
    ) -> Result<M::Result, Failure> {
        let progress = |_, _| -> BoxFuture<'static, ()> { async {}.boxed() };
        let control = BatchControl { progress, cancelled: CancellationToken::new() };
        let result = self.bridge.answer(&self.caller, call(params), &control).await?;
        serde_json::from_str(result.get()).map_err(|_| {
            let message = "The bridge cannot read its own result. Report this as a bug.";
            Failure::new(ErrorCode::Internal, message)
        })
    }

    /// Ends the workers.
    pub(crate) async fn close(self) {
        drop(self.caller);
        self.bridge.close_dialogs();
        self.bridge.end_workers().await;
    }
}
