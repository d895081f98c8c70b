//! The key slots of a PIV card that sign, and the data objects with their certificates (NIST SP
//! 800-73-4, part 1, tables 3 and 4b).

/// A slot for a key and its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySlot {
    /// 9A: signs after the PIN.
    Authentication,
    /// 9C: wants the PIN before each signature.
    Signature,
    /// 9E: signs without a PIN.
    CardAuthentication,
}

/// Whether a key needs the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinPolicy {
    Never,
    Once,
    Always,
}

impl KeySlot {
    /// The key reference in a command.
    pub(crate) fn reference(self) -> u8 {
        match self {
            Self::Authentication => 0x9A,
            Self::Signature => 0x9C,
            Self::CardAuthentication => 0x9E,
        }
    }

    /// The tag of the certificate's data object.
    pub(crate) fn certificate_tag(self) -> u32 {
        match self {
            Self::Authentication => 0x5F_C105,
            Self::Signature => 0x5F_C10A,
            Self::CardAuthentication => 0x5F_C101,
        }
    }

    pub(crate) fn pin_policy(self) -> PinPolicy {
        match self {
            Self::Authentication => PinPolicy::Once,
            Self::Signature => PinPolicy::Always,
            Self::CardAuthentication => PinPolicy::Never,
        }
    }
}
