//! The notifications that tell the user how many signatures a login has made. Each stays until its
//! login ends.

use std::collections::HashMap;
use std::time::Duration;

use pkcs11_bridge_dialog::notification::{Login, Notification as Content};
use pkcs11_bridge_dialog::texts::Texts;
use pkcs11_bridge_protocol::slot_id::SlotId;

use super::logins::OpenLogin;
use crate::access::origin::Origin;
use crate::certificate::fingerprint::Fingerprint;
use crate::notification::Notification;

/// The notifications of one worker.
#[derive(Default)]
pub(super) struct LoginNotices(HashMap<(SlotId, Fingerprint), Notice>);

struct Notice {
    notification: Notification,
    signatures: u32,
}

impl LoginNotices {
    /// Shows the logins that are open and have made signatures, and nothing else.
    pub(super) fn show(
        &mut self,
        origin: &Origin,
        idle: Duration,
        logins: impl Iterator<Item = OpenLogin>,
    ) {
        let mut before = std::mem::take(&mut self.0);
        for login in logins.filter(|login| login.signatures > 0) {
            let key = (login.slot, login.certificate);
            let notice = match before.remove(&key) {
                Some(notice) if notice.signatures == login.signatures => notice,
                Some(notice) => {
                    notice.notification.update(content(origin, &login, idle).text);
                    Notice { signatures: login.signatures, ..notice }
                }
                None => {
                    let notification = Notification::show(&content(origin, &login, idle));
                    Notice { notification, signatures: login.signatures }
                }
            };
            self.0.insert(key, notice);
        }
    }
}

/// The notification of a login, in the user's language.
fn content(origin: &Origin, login: &OpenLogin, idle: Duration) -> Content {
    let OpenLogin { name, certificate, signatures, longest, .. } = login;
    let signer = certificate.signer();
    let (site, signatures, longest) = (origin.as_str(), *signatures, *longest);
    Login { site, certificate: name, signer, signatures, idle, longest }
        .notification(&Texts::of_system())
}
