//! The results of reads that came after their caller had waited long enough. The next call that
//! reads the same gets them.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::ipc::message::Outcome;

/// By what was read.
#[derive(Default)]
pub(super) struct LateResults(HashMap<String, (Instant, Outcome)>);

impl LateResults {
    /// Keeps a result for a while. An error is not worth keeping: the next call may succeed.
    pub(super) fn keep(&mut self, reading: String, outcome: Outcome) {
        self.0.retain(|_, (since, _)| since.elapsed() < LIFETIME);
        if let (Outcome::Done(_), true) = (&outcome, self.0.len() < MAX) {
            self.0.insert(reading, (Instant::now(), outcome));
        }
    }

    /// The result of a read, for one caller.
    pub(super) fn take(&mut self, reading: &str) -> Option<Outcome> {
        let (since, outcome) = self.0.remove(reading)?;
        (since.elapsed() < LIFETIME).then_some(outcome)
    }

    /// Drops all results, because the token or its login has changed.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

const LIFETIME: Duration = Duration::from_secs(60);
/// More reads than a worker has threads.
const MAX: usize = 16;

#[cfg(test)]
mod tests {
    use pkcs11_bridge_protocol::error_code::ErrorCode;
    use pkcs11_bridge_protocol::failure::Failure;
    use tokio::time::advance;

    use super::*;

    fn done() -> Outcome {
        Outcome::Done(serde_json::value::to_raw_value("slots").unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_for_one_call_within_a_minute() {
        let mut late = LateResults::default();
        late.keep("slots".to_owned(), done());
        assert!(late.take("token").is_none());
        assert!(late.take("slots").is_some() && late.take("slots").is_none());
        late.keep("slots".to_owned(), done());
        advance(LIFETIME).await;
        assert!(late.take("slots").is_none());
        late.keep("slots".to_owned(), Failure::new(ErrorCode::Internal, "It failed.").into());
        assert!(late.take("slots").is_none());
    }
}
