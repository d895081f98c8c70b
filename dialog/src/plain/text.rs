//! A description as lines of text.

use crate::description::{Description, Level, Notice, RowValue};
use crate::safe_text::{isolate, make_safe};
use crate::texts::Texts;

/// The most important lines come first, because a pinentry cuts off the end of a long text.
pub(super) fn lines(texts: &Texts, description: &Description) -> Vec<String> {
    let Description { title: _, heading, origin, notices, grants, rows, consequence } = description;
    let mut lines = vec![heading.clone(), String::new()];
    // Both ends have to stay, because the end of an origin says who owns it.
    let origin = make_safe(&origin.text(), MAX_SITE);
    lines.push(format!("{}: {}", texts.text("row-site"), isolate(&origin)));
    lines.extend(notices.iter().map(notice));
    if let Some(grants) = grants {
        lines.push(grants.intro.clone());
        lines.extend(grants.items.iter().map(|item| format!("- {item}")));
    }
    for row in rows {
        let value = match &row.value {
            RowValue::Text { main, more: None } | RowValue::Text { more: Some(main), .. } => {
                isolate(main)
            }
            RowValue::List(names) => names.join(", "),
            RowValue::Hash { kind, hex } => format!("{kind} {hex}"),
        };
        let note = row.note.iter().map(|note| format!(" ({note})")).collect::<String>();
        lines.push(format!("{}: {value}{note}", row.label));
    }
    lines.extend(consequence.clone());
    lines
}

fn notice(notice: &Notice) -> String {
    match notice.level {
        Level::Info => notice.text.clone(),
        Level::Warning | Level::Danger => format!("⚠ {}", notice.text),
    }
}

/// A DNS name has at most 253 bytes.
const MAX_SITE: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plain::ask;
    use crate::plain::user::{Cancel, User};
    use crate::samples;
    use crate::texts::LANGUAGES;

    #[test]
    fn a_pinentry_gets_no_line_that_is_too_long() {
        for language in LANGUAGES {
            let texts = Texts::new(language);
            for question in samples::all() {
                let inputs = [Cancel].into_iter().collect();
                let mut user = User { inputs, seen: Vec::new(), room: false };
                ask(&texts, &question, &mut user);
                for step in user.seen {
                    // The crate pinentry escapes line feeds with three bytes.
                    let len = step.text.len() + 2 * step.text.matches('\n').count();
                    assert!(len <= 960, "{len}: {}", step.text);
                }
            }
        }
    }
}
