//! An RSA public key in ASN.1 (RFC 8017, appendix A.1.1).

use der::Sequence;
use der::asn1::UintRef;

#[derive(Sequence)]
pub(crate) struct RsaPublicKey<'a> {
    pub(crate) modulus: UintRef<'a>,
    pub(crate) public_exponent: UintRef<'a>,
}
