//! The subject of a certificate (RFC 4514), as a dialog shows it.

/// The subject with a space after each comma between attributes, where a dialog can break lines.
pub(super) fn spaced(subject: &str) -> String {
    attributes(subject, |c| c == ',').collect::<Vec<_>>().join(", ")
}

/// The parts of a subject between separators that are not escaped (RFC 4514, section 2.4).
fn attributes(subject: &str, separates: fn(char) -> bool) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    let parts = subject.split(move |c| {
        let ends = !escaped && separates(c);
        escaped = c == '\\' && !escaped;
        ends
    });
    parts.map(str::trim_start)
}

/// The common name in a subject of several attributes.
pub(super) fn common_name(subject: &str) -> Option<String> {
    let attributes: Vec<&str> = attributes(subject, |c| matches!(c, ',' | '+')).collect();
    let name = attributes.iter().find_map(|attribute| attribute.strip_prefix("CN="))?;
    (attributes.len() > 1).then(|| name.replace('\\', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_name_of_a_subject_is_found() {
        for (subject, name) in [
            ("CN=Jane Doe,O=Example,C=BE", Some("Jane Doe")),
            ("C=BE,CN=Doe\\, Jane,O=Example", Some("Doe, Jane")),
            ("serialNumber=1+CN=Jane,C=BE", Some("Jane")),
            ("O=A\\\\,CN=B", Some("B")),
            // The whole subject is the name, or the text is a label.
            ("CN=Jane Doe", None),
            ("My certificate", None),
            ("O=CN=x,C=BE", None),
        ] {
            assert_eq!(common_name(subject).as_deref(), name, "{subject}");
        }
    }

    #[test]
    fn a_line_can_break_after_each_attribute() {
        for (subject, shown) in [
            ("CN=Jane Doe,O=Example,C=BE", "CN=Jane Doe, O=Example, C=BE"),
            ("CN=Doe\\, Jane,C=BE", "CN=Doe\\, Jane, C=BE"),
            ("My certificate", "My certificate"),
        ] {
            assert_eq!(spaced(subject), shown);
        }
    }
}
