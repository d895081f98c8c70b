//! The notifications that tell the user how many signatures a login has made. Each stays until its
//! login ends.

use std::collections::HashMap;
use std::time::Duration;

use pkcs11_bridge_protocol::slot_id::SlotId;

use super::logins::OpenLogin;
use crate::access::origin::Origin;
use crate::certificate::fingerprint::Fingerprint;
use crate::dialog::text::make_safe;
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
                    notice.notification.update(text(&login, idle));
                    Notice { signatures: login.signatures, ..notice }
                }
                None => {
                    let title = format!("{} can sign", make_safe(origin.as_str(), MAX_ORIGIN));
                    let notification = Notification::show(&title, &text(&login, idle));
                    Notice { notification, signatures: login.signatures }
                }
            };
            self.0.insert(key, notice);
        }
    }
}

fn text(login: &OpenLogin, idle: Duration) -> String {
    let signatures = match login.signatures {
        1 => "1 signature".to_owned(),
        count => format!("{count} signatures"),
    };
    format!(
        "{signatures} since the PIN was entered.\nCertificate: {}\nThe login ends after {} without \
         a signature, and {} after the PIN.",
        make_safe(&login.name, MAX_NAME),
        duration(idle.min(login.longest)),
        duration(login.longest)
    )
}

/// "30 minutes" or "45 seconds".
fn duration(time: Duration) -> String {
    let (count, unit) = match time.as_secs() {
        seconds if seconds % 60 == 0 => (seconds / 60, "minute"),
        seconds => (seconds, "second"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

const MAX_ORIGIN: usize = 200;
const MAX_NAME: usize = 150;
