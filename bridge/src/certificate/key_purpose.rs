//! What a key is for, as its certificate says. What pages may do with it is decided in
//! `signing/key_permission.rs`.

use der::Decode;
use der::asn1::ObjectIdentifier;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Any signature. Also stands for certificates that cannot be read, or that say nothing.
    Signing,
    /// Signatures that bind their owner (`nonRepudiation`, also called `contentCommitment`).
    NonRepudiation,
    /// Only the proof of an identity, as in a TLS handshake. It is not for documents.
    AuthenticationOnly,
}

impl KeyPurpose {
    /// The purpose of the key of a certificate in DER.
    pub fn of_certificate(der: &[u8]) -> Self {
        // `Raw` also takes serial numbers that are longer than RFC 5280 allows. Cards have them.
        let Ok(certificate) = CertificateInner::<Raw>::from_der(der) else { return Self::Signing };
        let tbs = certificate.tbs_certificate();
        let usage = tbs.get_extension::<KeyUsage>();
        let extended = tbs.get_extension::<ExtendedKeyUsage>();
        let (Ok(usage), Ok(extended)) = (usage, extended) else { return Self::Signing };
        Self::of_usages(
            usage.map(|(_, usage)| usage),
            extended.as_ref().map_or(&[], |(_, extended)| &extended.0),
        )
    }

    /// Whether the certificate lets its key prove an identity. If it has key usages, it needs
    /// `digitalSignature` (RFC 5280, section 4.2.1.3). Extended key usages are for the server to
    /// judge.
    pub fn allows_authentication(der: &[u8]) -> bool {
        let Ok(certificate) = CertificateInner::<Raw>::from_der(der) else { return false };
        match certificate.tbs_certificate().get_extension::<KeyUsage>() {
            Ok(Some((_, usage))) => usage.0.contains(KeyUsages::DigitalSignature),
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// `extended` is empty if the certificate does not have the extension.
    fn of_usages(usage: Option<KeyUsage>, extended: &[ObjectIdentifier]) -> Self {
        if usage.is_some_and(|usage| usage.0.contains(KeyUsages::NonRepudiation)) {
            Self::NonRepudiation
        } else if extended.iter().any(|usage| AUTHENTICATION.contains(usage))
            && !extended.iter().any(|usage| SIGNING.contains(usage))
        {
            Self::AuthenticationOnly
        } else {
            Self::Signing
        }
    }
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// Extended key usages for the proof of an identity. `anyExtendedKeyUsage` is not one: authorities
/// add it to certificates of all kinds.
const AUTHENTICATION: [ObjectIdentifier; 8] = [
    // serverAuth, clientAuth (RFC 5280, section 4.2.1.12)
    oid("1.3.6.1.5.5.7.3.1"),
    oid("1.3.6.1.5.5.7.3.2"),
    // Smart-card logon of Microsoft, and its successor: the PKINIT client (RFC 4556)
    oid("1.3.6.1.4.1.311.20.2.2"),
    oid("1.3.6.1.5.2.3.4"),
    // Card authentication of PIV (FIPS 201)
    oid("2.16.840.1.101.3.6.8"),
    // EAP over LAN (RFC 4334), IPsec IKE (RFC 4945), SSH client (RFC 6187)
    oid("1.3.6.1.5.5.7.3.14"),
    oid("1.3.6.1.5.5.7.3.17"),
    oid("1.3.6.1.5.5.7.3.21"),
];

/// Extended key usages for signatures of documents, messages, programs and tokens.
const SIGNING: [ObjectIdentifier; 14] = [
    // codeSigning, emailProtection, timeStamping, OCSPSigning (RFC 5280, section 4.2.1.12)
    oid("1.3.6.1.5.5.7.3.3"),
    oid("1.3.6.1.5.5.7.3.4"),
    oid("1.3.6.1.5.5.7.3.8"),
    oid("1.3.6.1.5.5.7.3.9"),
    // documentSigning (RFC 9336), and its predecessors of Microsoft and Adobe
    oid("1.3.6.1.5.5.7.3.36"),
    oid("1.3.6.1.4.1.311.10.3.12"),
    oid("1.2.840.113583.1.1.5"),
    // Signatures of JSON Web Tokens and OAuth access tokens (RFC 9509)
    oid("1.3.6.1.5.5.7.3.37"),
    oid("1.3.6.1.5.5.7.3.39"),
    // Code signing of Microsoft: individual, commercial, kernel
    oid("1.3.6.1.4.1.311.2.1.21"),
    oid("1.3.6.1.4.1.311.2.1.22"),
    oid("1.3.6.1.4.1.311.61.1.1"),
    // Trust lists of ETSI (TS 119 612), master lists of ICAO (Doc 9303-12)
    oid("0.4.0.2231.3.0"),
    oid("2.23.136.1.1.3"),
];

#[cfg(test)]
mod tests {
    use KeyPurpose::{AuthenticationOnly, NonRepudiation, Signing};
    use KeyUsages::{
        DigitalSignature, KeyAgreement, KeyCertSign, KeyEncipherment,
        NonRepudiation as ContentCommitment,
    };
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

    use super::*;

    const ANY: ObjectIdentifier = oid("2.5.29.37.0");
    const CLIENT_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.2");
    const SMART_CARD_LOGON: ObjectIdentifier = oid("1.3.6.1.4.1.311.20.2.2");
    const PKINIT_CLIENT: ObjectIdentifier = oid("1.3.6.1.5.2.3.4");
    const CARD_AUTHENTICATION: ObjectIdentifier = oid("2.16.840.1.101.3.6.8");
    const EMAIL_PROTECTION: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.4");
    const DOCUMENT_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.36");
    const UNKNOWN: ObjectIdentifier = oid("1.3.6.1.4.1.99999.1");

    fn purpose(usage: &[KeyUsages], extended: &[ObjectIdentifier]) -> KeyPurpose {
        let bits = usage.iter().fold(Default::default(), |all, bit| all | *bit);
        KeyPurpose::of_usages((!usage.is_empty()).then_some(KeyUsage(bits)), extended)
    }

    #[test]
    fn every_combination_of_usages_has_a_purpose() {
        let usages: [&[KeyUsages]; 6] = [
            &[],
            &[DigitalSignature],
            &[ContentCommitment],
            &[DigitalSignature, ContentCommitment],
            &[DigitalSignature, KeyEncipherment],
            &[KeyCertSign],
        ];
        let extended: [(&[ObjectIdentifier], KeyPurpose); 12] = [
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
                let binds = usage.contains(&ContentCommitment);
                let expected = if binds { NonRepudiation } else { of_extended };
                assert_eq!(purpose(usage, extended), expected, "{usage:?} {extended:?}");
            }
        }
    }

    #[test]
    fn each_known_extended_usage_alone_decides() {
        for usage in AUTHENTICATION {
            assert_eq!(purpose(&[DigitalSignature], &[usage]), AuthenticationOnly, "{usage}");
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
                &[DigitalSignature, KeyAgreement][..],
                &[CLIENT_AUTH, EMAIL_PROTECTION][..],
                Signing,
            ),
            ("Estonia 2018, signature", &[ContentCommitment], &[], NonRepudiation),
            ("Belgium, authentication", &[DigitalSignature], &[CLIENT_AUTH], AuthenticationOnly),
            // Older cards do not have the extension.
            ("Belgium, authentication until 2014", &[DigitalSignature], &[], Signing),
            ("Belgium, signature", &[ContentCommitment], &[], NonRepudiation),
            (
                "Germany, health card",
                &[DigitalSignature, KeyEncipherment],
                &[CLIENT_AUTH],
                AuthenticationOnly,
            ),
            (
                "Germany, health professional card",
                &[DigitalSignature, KeyEncipherment],
                &[CLIENT_AUTH, EMAIL_PROTECTION],
                Signing,
            ),
            ("Germany, qualified signature", &[ContentCommitment], &[], NonRepudiation),
            ("Spain DNIe, authentication", &[DigitalSignature], &[], Signing),
            ("Spain DNIe, signature", &[ContentCommitment], &[], NonRepudiation),
            (
                "Spain FNMT, one certificate for all",
                &[DigitalSignature, ContentCommitment, KeyEncipherment],
                &[CLIENT_AUTH, EMAIL_PROTECTION],
                NonRepudiation,
            ),
            (
                "PIV 9A, authentication",
                &[DigitalSignature],
                &[CLIENT_AUTH, SMART_CARD_LOGON, PKINIT_CLIENT, ANY],
                AuthenticationOnly,
            ),
            (
                "PIV 9C, signature",
                &[DigitalSignature, ContentCommitment],
                &[EMAIL_PROTECTION, ANY],
                NonRepudiation,
            ),
            (
                "PIV 9E, card authentication",
                &[DigitalSignature],
                &[CARD_AUTHENTICATION],
                AuthenticationOnly,
            ),
            ("YubiKey, self-signed", &[], &[], Signing),
            (
                "Windows smart-card user",
                &[DigitalSignature, KeyEncipherment],
                &[CLIENT_AUTH, EMAIL_PROTECTION, SMART_CARD_LOGON],
                Signing,
            ),
            (
                "Windows smart-card logon",
                &[DigitalSignature, KeyEncipherment],
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
