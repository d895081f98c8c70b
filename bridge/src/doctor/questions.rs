//! Whether the bridge can ask the user: each configured way, in the order in which it is tried.

use super::report::{Problem, WayState};
use crate::dialog::{DialogSettings, Way, availability};

pub(super) async fn examine(
    settings: &DialogSettings,
    problems: &mut Vec<Problem>,
) -> Vec<WayState> {
    let mut found = Vec::new();
    for way in &settings.ways {
        let (name, state) = match way {
            Way::Window => ("window", availability::window().await),
            Way::Pinentry => ("pinentry", availability::pinentry(&settings.pinentry)),
            Way::Terminal => ("terminal", availability::terminal()),
        };
        let works = state.is_ok();
        let text = state.unwrap_or_else(|reason| reason);
        found.push(WayState { way: name, works, text });
    }
    if found.iter().all(|way| !way.works) {
        problems.push(Problem::new(
            "questions",
            "The bridge cannot ask the user for consent or for a PIN. Start it on a desktop with a \
             display, install a pinentry program, or start it in a terminal.",
        ));
    }
    found
}
