//! Decides which input counts. A window may open, or get the focus, while the user types or clicks
//! elsewhere. Input counts only after a pause, so that nothing meant for another window decides.
//!
//! This is a state machine without a clock: each event brings its time, in seconds.

use std::collections::HashSet;
use std::hash::Hash;

/// The state of one window. `K` is the name of a key.
#[derive(Clone, Debug)]
pub(super) struct Guard<K> {
    shown: f64,
    focus: Focus,
    held: HashSet<K>,
    /// When a key was last pressed or released.
    last_key: f64,
    /// Since when typed text counts. Text counts until the window loses the focus.
    typing_since: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Focus {
    /// The window never had it. Without a window manager it stays so.
    Never,
    Since(f64),
    Lost,
}

/// What a press of a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyPress {
    /// Nothing.
    Ignored,
    /// It may move the focus or edit a text. It decides nothing, because another key was pressed
    /// shortly before: the user may be typing elsewhere.
    MayEdit,
    /// It may also press a button.
    MayDecide,
}

impl<K: Eq + Hash> Guard<K> {
    /// The window is shown now.
    pub(super) fn new(now: f64) -> Self {
        let (focus, held) = (Focus::Never, HashSet::new());
        Self { shown: now, focus, held, last_key: f64::NEG_INFINITY, typing_since: None }
    }

    pub(super) fn set_focus(&mut self, focused: bool, now: f64) {
        match (focused, self.focus) {
            (true, Focus::Since(_)) | (false, Focus::Never | Focus::Lost) => {}
            (true, _) => self.focus = Focus::Since(now),
            (false, Focus::Since(_)) => {
                self.focus = Focus::Lost;
                self.typing_since = None;
                // The window does not learn of keys that are released elsewhere.
                self.held.clear();
            }
        }
    }

    /// A key is pressed. A key that repeats is pressed again and again.
    pub(super) fn press(&mut self, key: K, now: f64) -> KeyPress {
        let counts = self.keys_count(now);
        let quiet = self.is_quiet(now);
        self.last_key = now;
        let is_new = self.held.insert(key);
        match (counts, is_new && quiet) {
            (false, _) => KeyPress::Ignored,
            (true, false) => KeyPress::MayEdit,
            (true, true) => KeyPress::MayDecide,
        }
    }

    pub(super) fn release(&mut self, key: &K, now: f64) {
        // A key that was pressed in another window is released in this one.
        self.last_key = now;
        self.held.remove(key);
    }

    /// Text arrives without a press of a key, such as from an input method.
    pub(super) fn text(&mut self, now: f64) {
        if self.typing_since.is_none() {
            self.last_key = now;
        }
    }

    /// Whether the window has the focus. Without it, keys go to another window.
    pub(super) fn has_focus(&self) -> bool {
        matches!(self.focus, Focus::Since(_))
    }

    /// Whether a click counts that begins now, or an action of an assistive technology.
    pub(super) fn clicks_count(&self, now: f64) -> bool {
        let after_focus = match self.focus {
            Focus::Since(since) => now - since >= FOCUS_PAUSE,
            Focus::Never | Focus::Lost => true,
        };
        now - self.shown >= SHOWN_PAUSE && after_focus && self.held.is_empty()
    }

    /// Whether typed text counts, and since when. It begins to count when no key was pressed for a
    /// while: a user who types on and on does not know that the window is there.
    pub(super) fn typing_counts(&mut self, now: f64) -> Option<f64> {
        if self.typing_since.is_none() && self.keys_count(now) && self.is_quiet(now) {
            self.typing_since = Some(now);
        }
        self.typing_since
    }

    /// When the window has to look again, because more input may count then.
    pub(super) fn next_change(&self, now: f64) -> Option<f64> {
        let focused = match self.focus {
            Focus::Since(since) => since + FOCUS_PAUSE,
            Focus::Never | Focus::Lost => f64::NEG_INFINITY,
        };
        let live = (self.shown + SHOWN_PAUSE).max(focused).max(self.last_key + QUIET);
        (live > now).then_some(live)
    }

    fn keys_count(&self, now: f64) -> bool {
        let others_are_held = self.typing_since.is_none() && !self.held.is_empty();
        match self.focus {
            Focus::Since(since) => {
                now - self.shown >= SHOWN_PAUSE && now - since >= FOCUS_PAUSE && !others_are_held
            }
            Focus::Never | Focus::Lost => false,
        }
    }

    fn is_quiet(&self, now: f64) -> bool {
        self.held.is_empty() && now - self.last_key >= QUIET
    }
}

/// How long nothing counts after the window is shown, in seconds.
const SHOWN_PAUSE: f64 = 1.5;
/// How long nothing counts after the window gets the focus, in seconds.
const FOCUS_PAUSE: f64 = 1.0;
/// How long no key is pressed before a key presses a button or typed text begins to count, in
/// seconds. People who type pause less between two keys.
const QUIET: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::KeyPress::{Ignored, MayDecide, MayEdit};
    use super::*;

    /// A window that is shown at 0 s and gets the focus then.
    fn focused() -> Guard<char> {
        let mut guard = Guard::new(0.0);
        guard.set_focus(true, 0.0);
        guard
    }

    #[test]
    fn clicks_count_after_both_pauses_if_no_key_is_held() {
        for (focused_at, key_held, at, counts) in [
            // Without the focus, as on a display without a window manager.
            (None, false, 0.0, false),
            (None, false, 1.49, false),
            (None, false, 1.5, true),
            (None, true, 1.5, false),
            // With the focus.
            (Some(0.0), false, 1.4, false),
            (Some(0.0), false, 1.5, true),
            (Some(0.4), false, 1.5, true),
            (Some(1.0), false, 1.9, false),
            (Some(1.0), false, 2.0, true),
            (Some(9.0), false, 9.9, false),
            (Some(9.0), false, 10.0, true),
            (Some(9.0), true, 10.0, false),
        ] {
            let mut guard = Guard::new(0.0);
            if let Some(focused_at) = focused_at {
                guard.set_focus(true, focused_at);
            }
            if key_held {
                guard.press('a', focused_at.unwrap_or_default());
            }
            assert_eq!(guard.clicks_count(at), counts, "{focused_at:?} {key_held} {at}");
            guard.release(&'a', at);
            assert_eq!(guard.clicks_count(at), counts || key_held, "{focused_at:?} {at}");
        }
    }

    #[test]
    fn a_key_decides_only_alone_and_in_a_window_that_has_the_focus() {
        for (focus_changes, earlier_key, at, expected) in [
            (&[][..], None, 10.0, Ignored),
            (&[(true, 0.0)], None, 1.4, Ignored),
            (&[(true, 0.0)], None, 1.5, MayDecide),
            (&[(true, 5.0)], None, 5.9, Ignored),
            (&[(true, 5.0)], None, 6.0, MayDecide),
            (&[(true, 0.0), (false, 4.0)], None, 10.0, Ignored),
            (&[(true, 0.0), (false, 4.0), (true, 9.5)], None, 10.0, Ignored),
            (&[(true, 0.0), (false, 4.0), (true, 9.0)], None, 10.0, MayDecide),
            // `Tab Enter` and `Right Space` of somebody who types into another window.
            (&[(true, 0.0)], Some(4.0), 4.1, MayEdit),
            (&[(true, 0.0)], Some(4.0), 4.9, MayEdit),
            (&[(true, 0.0)], Some(4.0), 5.0, MayDecide),
        ] {
            let mut guard = Guard::new(0.0);
            for (focused, when) in focus_changes {
                guard.set_focus(*focused, *when);
            }
            if let Some(when) = earlier_key {
                guard.press('t', when);
                guard.release(&'t', when);
            }
            let press = guard.press('e', at);
            assert_eq!(press, expected, "{focus_changes:?} {earlier_key:?} {at}");
        }
    }

    #[test]
    fn a_held_key_repeats_and_decides_nothing() {
        let mut guard = focused();
        assert_eq!(guard.press(' ', 1.0), Ignored);
        for at in [2.0, 3.5, 9.0] {
            assert_eq!(guard.press(' ', at), Ignored);
        }
        assert_eq!(guard.press('e', 20.0), Ignored);
        guard.release(&'e', 20.0);
        guard.release(&' ', 20.1);
        assert_eq!(guard.press(' ', 20.5), MayEdit);
        guard.release(&' ', 20.5);
        assert_eq!(guard.press(' ', 21.5), MayDecide);
        // The repetitions of the key that decided.
        assert_eq!(guard.press(' ', 22.6), Ignored);
    }

    #[test]
    fn typing_begins_to_count_after_a_moment_without_keys() {
        let mut guard = focused();
        assert_eq!(guard.typing_counts(1.4), None);
        // Somebody types on and on.
        for step in 0..40 {
            let at = 0.2 * f64::from(step);
            assert_eq!(guard.typing_counts(at), None, "{at}");
            guard.press('x', at);
            guard.release(&'x', at + 0.1);
        }
        assert_eq!(guard.typing_counts(8.8), None);
        assert_eq!(guard.typing_counts(8.9), Some(8.9));
        // From here on, each key counts, also with others held.
        assert_eq!(guard.press('1', 9.9), MayDecide);
        assert_eq!(guard.press('2', 10.0), MayEdit);
        assert_eq!(guard.typing_counts(10.0), Some(8.9));
        guard.set_focus(false, 11.0);
        assert_eq!(guard.typing_counts(20.0), None);
        guard.set_focus(true, 20.0);
        assert_eq!(guard.typing_counts(20.9), None);
        assert_eq!(guard.typing_counts(21.0), Some(21.0));
    }

    #[test]
    fn text_of_an_input_method_also_delays_typing() {
        let mut guard = focused();
        guard.text(1.4);
        assert_eq!(guard.typing_counts(2.3), None);
        assert_eq!(guard.typing_counts(2.4), Some(2.4));
    }

    #[test]
    fn the_window_knows_when_to_look_again() {
        let mut guard = focused();
        assert_eq!(guard.next_change(0.0), Some(1.5));
        guard.press('x', 1.2);
        guard.release(&'x', 1.2);
        assert_eq!(guard.next_change(1.3), Some(2.2));
        assert_eq!(guard.next_change(2.2), None);
        guard.set_focus(false, 3.0);
        guard.set_focus(true, 4.0);
        assert_eq!(guard.next_change(4.0), Some(5.0));
    }
}
