//! Digits that the user types to confirm something. Stray text does not contain them, because the
//! dialog draws new ones each time.

/// Four digits that a dialog shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digits(String);

impl Digits {
    /// Draws new ones. No two neighbours are equal, so that a key that repeats does not type them.
    pub(crate) fn new() -> Self {
        let mut digits = String::with_capacity(LEN);
        while digits.len() < LEN {
            let digit = fastrand::digit(10);
            if !digits.ends_with(digit) {
                digits.push(digit);
            }
        }
        Self(digits)
    }

    /// Draws others than these.
    pub(crate) fn other_than(other: &Self) -> Self {
        std::iter::repeat_with(Self::new).find(|digits| digits != other).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the user has typed them.
    pub(crate) fn are(&self, typed: &str) -> bool {
        typed.trim() == self.0
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self::new()
    }
}

/// How many digits.
pub(crate) const LEN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_differ_from_their_neighbours_and_from_others() {
        for _ in 0..1000 {
            let digits = Digits::new();
            assert_eq!(digits.as_str().len(), LEN);
            let bytes = digits.as_str().as_bytes();
            assert!(bytes.windows(2).all(|pair| pair[0] != pair[1]), "{digits:?}");
            assert!(bytes.iter().all(u8::is_ascii_digit));
            assert_ne!(Digits::other_than(&digits), digits);
        }
    }

    #[test]
    fn only_the_same_digits_are_accepted() {
        let digits = Digits("4821".to_owned());
        for (typed, accepted) in
            [("4821", true), (" 4821\n", true), ("", false), ("482", false), ("48211", false)]
        {
            assert_eq!(digits.are(typed), accepted, "{typed:?}");
        }
    }
}
