//! Named curves by all their parameters. A curve that differs in any of them is another curve, on
//! which signatures may be forged (CVE-2020-0601).

use super::Curve;
use crate::element::Element;
use crate::oid;

/// The parameters of a curve: numbers in hexadecimal digits, without leading zero bytes. Zero has
/// no digits.
struct Domain {
    curve: Curve,
    p: &'static str,
    a: &'static str,
    b: &'static str,
    /// The coordinates of the generator
    x: &'static str,
    y: &'static str,
    /// The order of the generator
    n: &'static str,
}

/// The curve with these parameters (`SpecifiedECDomain`, SEC 1, appendix C.2).
pub(super) fn curve(parameters: Element<'_>) -> Option<Curve> {
    let mut fields = parameters.elements();
    let _version = fields.next()?;
    let mut field = fields.next()?.elements();
    if oid::text(field.next()?)? != PRIME_FIELD {
        return None;
    }
    let p = hex(field.next()?.magnitude()?);
    let mut equation = fields.next()?.elements();
    let (a, b) = (equation.next()?.octets()?, equation.next()?.octets()?);
    let (a, b) = (hex(&a), hex(&b));
    let generator = fields.next()?.octets()?;
    let n = hex(fields.next()?.magnitude()?);
    let known = DOMAINS.iter().find(|domain| {
        domain.p == p
            && domain.a == a
            && domain.b == b
            && domain.n == n
            && domain.has_generator(&generator)
    });
    known.map(|domain| domain.curve)
}

impl Domain {
    /// Whether the point (SEC 1, section 2.3.3) is the generator.
    fn has_generator(&self, point: &[u8]) -> bool {
        let Some((form, coordinates)) = point.split_first() else { return false };
        let len = self.p.len() / 2;
        let Some((x, y)) = coordinates.split_at_checked(len) else { return false };
        let is_odd = self.y.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']);
        hex(x) == self.x
            && match form {
                0x02 => y.is_empty() && !is_odd,
                0x03 => y.is_empty() && is_odd,
                0x04 => y.len() == len && hex(y) == self.y,
                _ => false,
            }
    }
}

fn hex(number: &[u8]) -> String {
    let leading = number.iter().take_while(|byte| **byte == 0).count();
    const_hex::encode(number.get(leading..).unwrap_or_default())
}

/// SEC 1, appendix C.1
const PRIME_FIELD: &str = "1.2.840.10045.1.1";

/// SP 800-186, section 3.2.1; SEC 2, section 2.4.1; RFC 5639, section 3
const DOMAINS: [Domain; 7] = [
    Domain {
        curve: Curve::P256,
        p: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        a: "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
        b: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        x: "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
        y: "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        n: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    },
    Domain {
        curve: Curve::P384,
        p: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff00000000\
         00000000ffffffff",
        a: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff00000000\
         00000000fffffffc",
        b: "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d\
         2a85c8edd3ec2aef",
        x: "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c\
         3a545e3872760ab7",
        y: "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d\
         7a431d7c90ea0e5f",
        n: "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77a\
         ecec196accc52973",
    },
    Domain {
        curve: Curve::P521,
        p: "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
         ffffffffffffffffffffffffffffffffffffffffffffffffffff",
        a: "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
         fffffffffffffffffffffffffffffffffffffffffffffffffffc",
        b: "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e93\
         7b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
        x: "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe759\
         28fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
        y: "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef4\
         2640c550b9013fad0761353c7086a272c24088be94769fd16650",
        n: "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f\
         966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    },
    Domain {
        curve: Curve::Secp256k1,
        p: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
        a: "",
        b: "07",
        x: "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        y: "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
        n: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    },
    Domain {
        curve: Curve::BrainpoolP256r1,
        p: "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
        a: "7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
        b: "26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6",
        x: "8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
        y: "547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997",
        n: "a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7",
    },
    Domain {
        curve: Curve::BrainpoolP384r1,
        p: "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71\
         874700133107ec53",
        a: "7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb\
         04a8c7dd22ce2826",
        b: "04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc994\
         3ab78696fa504c11",
        x: "1d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aa\
         ef87b2e247d4af1e",
        y: "8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e46462177918111\
         42820341263c5315",
        n: "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc310\
         3b883202e9046565",
    },
    Domain {
        curve: Curve::BrainpoolP512r1,
        p: "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842\
         aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
        a: "7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5aa8253aa1\
         0a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca",
        b: "3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d\
         77fc94cadc083e67984050b75ebae5dd2809bd638016f723",
        x: "81aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098eff3b1f78e2d0d48d\
         50d1687b93b97d5f7c6d5047406a5e688b352209bcb9f822",
        y: "7dde385d566332ecc0eabfa9cf7822fdf209f70024a57b1aa000c55b881f8111b2dcde494a5f485e\
         5bca4bd88a2763aed1ca2b2fa8f0540678cd1e0f3ad80892",
        n: "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619\
         418661197fac10471db1d381085ddaddb58796829ca90069",
    },
];
