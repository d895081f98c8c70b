//! Whose question is on the screen: one at a time. A PIN question comes before all questions about
//! sites that nobody has approved. It takes the screen even from one that the user sees.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore, SemaphorePermit, watch};
use tokio::time::timeout;

/// The screen, and the questions that wait for it.
pub(super) struct Screen {
    free: Arc<Mutex<()>>,
    /// How many PIN entries wait for the screen or have it.
    pins: watch::Sender<usize>,
    waiting_pins: Semaphore,
    consents: Semaphore,
}

/// Too many other questions wait, or they took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// The screen, for a PIN entry. No other question is shown until this is dropped.
pub(super) struct PinTurn {
    _screen: OwnedMutexGuard<()>,
    _entry: PinEntryCount,
}

/// A place for a question about a site, from its beginning to its answer.
pub(super) struct ConsentPlace<'a> {
    screen: &'a Screen,
    _place: SemaphorePermit<'a>,
}

/// The screen, for a question about a site.
pub(super) struct ConsentTurn {
    pins: watch::Receiver<usize>,
    _screen: OwnedMutexGuard<()>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            free: Arc::default(),
            pins: watch::Sender::new(0),
            waiting_pins: Semaphore::new(MAX_WAITING_PINS),
            consents: Semaphore::new(MAX_CONSENTS),
        }
    }

    /// Waits until no other PIN entry has the screen. PIN questions come from approved pages only,
    /// so many of them may wait.
    pub(super) async fn pin_turn(&self, limit: Duration) -> Result<PinTurn, Busy> {
        let _queued = self.waiting_pins.try_acquire().map_err(|_| Busy)?;
        let _entry = PinEntryCount::begin(&self.pins);
        let screen = Arc::clone(&self.free).lock_owned();
        let _screen = timeout(limit, screen).await.map_err(|_| Busy)?;
        Ok(PinTurn { _screen, _entry })
    }

    /// A place for a question about a site. Any page can cause such a question, so few may wait.
    pub(super) fn consent_place(&self) -> Result<ConsentPlace<'_>, Busy> {
        let _place = self.consents.try_acquire().map_err(|_| Busy)?;
        Ok(ConsentPlace { screen: self, _place })
    }
}

impl ConsentPlace<'_> {
    /// Waits until nothing is on the screen and no PIN entry wants it.
    pub(super) async fn turn(&self, limit: Duration) -> Result<ConsentTurn, Busy> {
        let turn = async {
            let mut pins = self.screen.pins.subscribe();
            loop {
                // The sender lives as long as the screen.
                let _ = pins.wait_for(|pins| *pins == 0).await;
                let _screen = Arc::clone(&self.screen.free).lock_owned().await;
                if *pins.borrow_and_update() == 0 {
                    return ConsentTurn { pins, _screen };
                }
            }
        };
        timeout(limit, turn).await.map_err(|_| Busy)
    }
}

impl ConsentTurn {
    /// Waits until a PIN entry wants the screen. The question must then be closed.
    pub(super) async fn wanted_for_pin(&mut self) {
        let _ = self.pins.wait_for(|pins| *pins > 0).await;
    }
}

/// Counts one PIN entry until it is dropped.
struct PinEntryCount(watch::Sender<usize>);

impl PinEntryCount {
    fn begin(pins: &watch::Sender<usize>) -> Self {
        pins.send_modify(|pins| *pins += 1);
        Self(pins.clone())
    }
}

impl Drop for PinEntryCount {
    fn drop(&mut self) {
        self.0.send_modify(|pins| *pins -= 1);
    }
}

/// The most PIN entries that wait, besides the one on the screen.
const MAX_WAITING_PINS: usize = 8;
/// The most questions about sites that wait or are on the screen.
const MAX_CONSENTS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_pin_entry_takes_the_screen_from_a_consent_question() {
        let screen = Screen::new();
        let place = screen.consent_place().unwrap();
        let mut consent = place.turn(LONG).await.unwrap();
        let wanted = timeout(LONG, consent.wanted_for_pin()).await;
        assert!(wanted.is_err(), "nothing wants the screen");

        let pin = screen.pin_turn(LONG);
        tokio::pin!(pin);
        assert!(timeout(LONG / 2, &mut pin).await.is_err(), "two questions were shown");
        consent.wanted_for_pin().await;
        drop(consent);
        let pin = pin.await.unwrap();
        assert_eq!(place.turn(LONG).await.err(), Some(Busy));
        drop(pin);
        place.turn(LONG).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_consent_question_does_not_overtake_a_pin_entry() {
        let screen = Screen::new();
        let places = [screen.consent_place().unwrap(), screen.consent_place().unwrap()];
        let shown = places[0].turn(LONG).await.unwrap();
        let waiting = places[1].turn(LONG);
        let pin = screen.pin_turn(LONG);
        let order = std::sync::Mutex::new(Vec::new());
        tokio::join!(
            async {
                let _turn = waiting.await.unwrap();
                order.lock().unwrap().push("consent");
            },
            async {
                let _turn = pin.await.unwrap();
                order.lock().unwrap().push("pin");
            },
            async {
                tokio::task::yield_now().await;
                drop(shown);
            },
        );
        assert_eq!(*order.lock().unwrap(), ["pin", "consent"]);
    }

    #[test]
    fn few_questions_about_sites_may_wait() {
        let screen = Screen::new();
        let _places: Vec<_> = (0..3).map(|_| screen.consent_place().unwrap()).collect();
        assert_eq!(screen.consent_place().err(), Some(Busy));
    }
}
