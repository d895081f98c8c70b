//! What a key is for, as its certificate says. What pages may do with it is decided in
//! `signing/key_permission.rs`.

use pkcs11_bridge_certificate::{Certificate, KeyUsage, Usages};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Any signature. Also stands for certificates that cannot be read, or that say nothing.
    Signing,
    /// Signatures that bind their owner (`nonRepudiation`, also called `contentCommitment`).
    NonRepudiation,
    /// The key has no certificate that says it. It may be for signatures that bind its owner.
    Unknown,
    /// Only the proof of an identity, as in a TLS handshake. It is not for documents.
    AuthenticationOnly,
}

impl KeyPurpose {
    /// The purpose of the key of a certificate in DER.
    pub fn of_certificate(der: &[u8]) -> Self {
        let Ok(certificate) = Certificate::read(der) else { return Self::Signing };
        // An extension that cannot be read leaves the other in force.
        let extended = certificate.extended_key_usage().restricted();
        Self::of_usages(certificate.key_usage().restricted(), &extended.unwrap_or_default())
    }

    /// Whether the certificate lets its key prove an identity. If it has key usages, it needs
    /// `digitalSignature` (RFC 5280, section 4.2.1.3). Extended key usages are for the server to
    /// judge.
    pub fn allows_authentication(der: &[u8]) -> bool {
        let Ok(certificate) = Certificate::read(der) else { return false };
        match certificate.key_usage() {
            Usages::Restricted(usage) => usage.contains(KeyUsage::DIGITAL_SIGNATURE),
            Usages::Unrestricted => true,
            Usages::Unreadable => false,
        }
    }

    /// `extended` is empty if the certificate does not have the extension.
    fn of_usages(usage: Option<KeyUsage>, extended: &[String]) -> Self {
        if usage.is_some_and(|usage| usage.contains(KeyUsage::NON_REPUDIATION)) {
            Self::NonRepudiation
        } else if extended.iter().any(|usage| AUTHENTICATION.contains(&usage.as_str()))
            && !extended.iter().any(|usage| SIGNING.contains(&usage.as_str()))
        {
            Self::AuthenticationOnly
        } else {
            Self::Signing
        }
    }
}

/// Extended key usages for the proof of an identity. `anyExtendedKeyUsage` is not one: authorities
/// add it to certificates of all kinds.
const AUTHENTICATION: [&str; 8] = [
    // serverAuth, clientAuth (RFC 5280, section 4.2.1.12)
    "1.3.6.1.5.5.7.3.1",
    "1.3.6.1.5.5.7.3.2",
    // Smart-card logon of Microsoft, and its successor: the PKINIT client (RFC 4556)
    "1.3.6.1.4.1.311.20.2.2",
    "1.3.6.1.5.2.3.4",
    // Card authentication of PIV (FIPS 201)
    "2.16.840.1.101.3.6.8",
    // EAP over LAN (RFC 4334), IPsec IKE (RFC 4945), SSH client (RFC 6187)
    "1.3.6.1.5.5.7.3.14",
    "1.3.6.1.5.5.7.3.17",
    "1.3.6.1.5.5.7.3.21",
];

/// Extended key usages for signatures of documents, messages, programs and tokens.
const SIGNING: [&str; 14] = [
    // codeSigning, emailProtection, timeStamping, OCSPSigning (RFC 5280, section 4.2.1.12)
    "1.3.6.1.5.5.7.3.3",
    "1.3.6.1.5.5.7.3.4",
    "1.3.6.1.5.5.7.3.8",
    "1.3.6.1.5.5.7.3.9",
    // documentSigning (RFC 9336), and its predecessors of Microsoft and Adobe
    "1.3.6.1.5.5.7.3.36",
    "1.3.6.1.4.1.311.10.3.12",
    "1.2.840.113583.1.1.5",
    // Signatures of JSON Web Tokens and OAuth access tokens (RFC 9509)
    "1.3.6.1.5.5.7.3.37",
    "1.3.6.1.5.5.7.3.39",
    // Code signing of Microsoft: individual, commercial, kernel
    "1.3.6.1.4.1.311.2.1.21",
    "1.3.6.1.4.1.311.2.1.22",
    "1.3.6.1.4.1.311.61.1.1",
    // Trust lists of ETSI (TS 119 612), master lists of ICAO (Doc 9303-12)
    "0.4.0.2231.3.0",
    "2.23.136.1.1.3",
];

#[cfg(test)]
mod tests {
    use KeyPurpose::{AuthenticationOnly, NonRepudiation, Signing};
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

    use super::*;

    const DIGITAL_SIGNATURE: KeyUsage = KeyUsage::DIGITAL_SIGNATURE;
    const CONTENT_COMMITMENT: KeyUsage = KeyUsage::NON_REPUDIATION;
    const KEY_ENCIPHERMENT: KeyUsage = KeyUsage::KEY_ENCIPHERMENT;
    const KEY_AGREEMENT: KeyUsage = KeyUsage::KEY_AGREEMENT;
    const KEY_CERT_SIGN: KeyUsage = KeyUsage::KEY_CERT_SIGN;

    const ANY: &str = "2.5.29.37.0";
    const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
    const SMART_CARD_LOGON: &str = "1.3.6.1.4.1.311.20.2.2";
    const PKINIT_CLIENT: &str = "1.3.6.1.5.2.3.4";
    const CARD_AUTHENTICATION: &str = "2.16.840.1.101.3.6.8";
    const EMAIL_PROTECTION: &str = "1.3.6.1.5.5.7.3.4";
    const DOCUMENT_SIGNING: &str = "1.3.6.1.5.5.7.3.36";
    const UNKNOWN: &str = "1.3.6.1.4.1.99999.1";

    fn purpose(usage: &[KeyUsage], extended: &[&str]) -> KeyPurpose {
        let extended: Vec<_> = extended.iter().copied().map(str::to_owned).collect();
        KeyPurpose::of_usages((!usage.is_empty()).then_some(KeyUsage::of(usage)), &extended)
    }

    #[test]
    fn every_combination_of_usages_has_a_purpose() {
        let usages: [&[KeyUsage]; 6] = [
            &[],
            &[DIGITAL_SIGNATURE],
            &[CONTENT_COMMITMENT],
            &[DIGITAL_SIGNATURE, CONTENT_COMMITMENT],
            &[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT],
            &[KEY_CERT_SIGN],
        ];
        let extended: [(&[&str], KeyPurpose); 12] = [
            (&[], Signing),
            (&[ANY], Signing),
            (&[UNKNOWN], Signing),
            (&[EMAIL_PROTECTION], Signing),
            (&[DOCUMENT_SIGNING], Signing),
            (&[CLIENT_AUTH], AuthenticationOnly),
            (&[SMART_CARD_LOGON], AuthenticationOnly),
            (&[PKINIT_CLIENT, ANY], AuthenticationOnly),
            (&[CLIENT_AUTH, UNKNOWN], AuthenticationOnly),
            (&[CLIENT_AUTH, EMAIL_PROTECTION], Signing),
            (&[SMART_CARD_LOGON, DOCUMENT_SIGNING], Signing),
            (&[EMAIL_PROTECTION, ANY, CLIENT_AUTH], Signing),
        ];
        for usage in usages {
            for (extended, of_extended) in extended {
                let binds = usage.contains(&CONTENT_COMMITMENT);
                let expected = if binds { NonRepudiation } else { of_extended };
                assert_eq!(purpose(usage, extended), expected, "{usage:?} {extended:?}");
            }
        }
    }

    #[test]
    fn each_known_extended_usage_alone_decides() {
        for usage in AUTHENTICATION {
            assert_eq!(purpose(&[DIGITAL_SIGNATURE], &[usage]), AuthenticationOnly, "{usage}");
            for signing in SIGNING {
                assert_eq!(purpose(&[], &[usage, signing]), Signing, "{usage} {signing}");
            }
        }
    }

    /// The key usages of cards as their authorities publish them.
    #[test]
    fn the_keys_of_well_known_cards_have_their_purpose() {
        for (card, usage, extended, expected) in [
            // The key also signs and decrypts e-mail.
            (
                "Estonia 2018, authentication",
                &[DIGITAL_SIGNATURE, KEY_AGREEMENT][..],
                &[CLIENT_AUTH, EMAIL_PROTECTION][..],
                Signing,
            ),
            ("Estonia 2018, signature", &[CONTENT_COMMITMENT], &[], NonRepudiation),
            ("Belgium, authentication", &[DIGITAL_SIGNATURE], &[CLIENT_AUTH], AuthenticationOnly),
            // Older cards do not have the extension.
            ("Belgium, authentication until 2014", &[DIGITAL_SIGNATURE], &[], Signing),
            ("Belgium, signature", &[CONTENT_COMMITMENT], &[], NonRepudiation),
            (
                "Germany, health card",
                &[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT],
                &[CLIENT_AUTH],
                AuthenticationOnly,
            ),
            (
                "Germany, health professional card",
                &[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT],
                &[CLIENT_AUTH, EMAIL_PROTECTION],
                Signing,
            ),
            ("Germany, qualified signature", &[CONTENT_COMMITMENT], &[], NonRepudiation),
            ("Spain DNIe, authentication", &[DIGITAL_SIGNATURE], &[], Signing),
            ("Spain DNIe, signature", &[CONTENT_COMMITMENT], &[], NonRepudiation),
            (
                "Spain FNMT, one certificate for all",
                &[DIGITAL_SIGNATURE, CONTENT_COMMITMENT, KEY_ENCIPHERMENT],
                &[CLIENT_AUTH, EMAIL_PROTECTION],
                NonRepudiation,
            ),
            (
                "PIV 9A, authentication",
                &[DIGITAL_SIGNATURE],
                &[CLIENT_AUTH, SMART_CARD_LOGON, PKINIT_CLIENT, ANY],
                AuthenticationOnly,
            ),
            (
                "PIV 9C, signature",
                &[DIGITAL_SIGNATURE, CONTENT_COMMITMENT],
                &[EMAIL_PROTECTION, ANY],
                NonRepudiation,
            ),
            (
                "PIV 9E, card authentication",
                &[DIGITAL_SIGNATURE],
                &[CARD_AUTHENTICATION],
                AuthenticationOnly,
            ),
            ("YubiKey, self-signed", &[], &[], Signing),
            (
                "Windows smart-card user",
                &[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT],
                &[CLIENT_AUTH, EMAIL_PROTECTION, SMART_CARD_LOGON],
                Signing,
            ),
            (
                "Windows smart-card logon",
                &[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT],
                &[CLIENT_AUTH, SMART_CARD_LOGON],
                AuthenticationOnly,
            ),
        ] {
            assert_eq!(purpose(usage, extended), expected, "{card}");
        }
    }

    #[test]
    fn a_key_proves_an_identity_unless_its_key_usage_says_otherwise() {
        use KeyUsagePurpose::{ContentCommitment, DigitalSignature, KeyEncipherment};
        let key = KeyPair::generate().unwrap();
        for (usages, expected) in [
            (vec![], true),
            (vec![DigitalSignature], true),
            (vec![DigitalSignature, ContentCommitment], true),
            (vec![ContentCommitment], false),
            (vec![KeyEncipherment], false),
        ] {
            let mut params = CertificateParams::default();
            params.key_usages = usages.clone();
            let certificate = params.self_signed(&key).unwrap();
            let allowed = KeyPurpose::allows_authentication(certificate.der());
            assert_eq!(allowed, expected, "{usages:?}");
        }
        assert!(!KeyPurpose::allows_authentication(&[]));
    }

    #[test]
    fn the_purpose_is_read_from_the_certificate() {
        use ExtendedKeyUsagePurpose::{ClientAuth, EmailProtection};
        let key = KeyPair::generate().unwrap();
        for (usages, extended, expected) in [
            (vec![], vec![], Signing),
            (vec![KeyUsagePurpose::DigitalSignature], vec![ClientAuth], AuthenticationOnly),
            (vec![KeyUsagePurpose::DigitalSignature], vec![ClientAuth, EmailProtection], Signing),
            (vec![KeyUsagePurpose::ContentCommitment], vec![ClientAuth], NonRepudiation),
        ] {
            let mut params = CertificateParams::default();
            params.key_usages = usages;
            params.extended_key_usages = extended;
            let certificate = params.self_signed(&key).unwrap();
            assert_eq!(KeyPurpose::of_certificate(certificate.der()), expected);
            assert_eq!(KeyPurpose::of_certificate(&certificate.der()[1..]), Signing);
        }
        assert_eq!(KeyPurpose::of_certificate(&[]), Signing);
    }
}
