//! The digits that a description asks the user to type, found as a user finds them.

/// The digits after each "type ", in their order.
pub fn shown(description: &str) -> Vec<&str> {
    let after = description.split("type ").skip(1);
    let digits = after.filter_map(|text| text.get(..4));
    digits.filter(|digits| digits.bytes().all(|c| c.is_ascii_digit())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_digits_to_type_are_found() {
        let text = "1234\nTo allow it, type 0815. To block it, type 4711. Anything else denies it.";
        assert_eq!(shown(text), ["0815", "4711"]);
        assert_eq!(shown("a type of 1234, type éé"), [""; 0]);
    }
}
