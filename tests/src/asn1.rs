//! Values in ASN.1, to change certificates that `openssl` made.

/// A value, with the values in it.
pub enum Asn1 {
    /// A tag and contents
    Primitive(u8, Vec<u8>),
    /// A tag and values
    Constructed(u8, Vec<Self>),
}

/// How lengths are written.
#[derive(Clone, Copy)]
pub enum Lengths {
    /// As DER requires
    Minimal,
    /// With superfluous bytes
    Long,
    /// Not at all, where the end can be marked
    Indefinite,
}

impl Asn1 {
    /// Reads a value in DER.
    pub fn read(der: &[u8]) -> Self {
        Self::read_all(der).pop().expect("a value")
    }

    fn read_all(mut der: &[u8]) -> Vec<Self> {
        let mut all = Vec::new();
        while let [tag, first, rest @ ..] = der {
            let (len, rest) = match usize::from(*first) {
                len @ 0..0x80 => (len, rest),
                long => {
                    let (len, rest) = rest.split_at(long - 0x80);
                    (len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
                }
            };
            let (contents, rest) = rest.split_at(len);
            all.push(if tag & 0x20 == 0 {
                Self::Primitive(*tag, contents.to_vec())
            } else {
                Self::Constructed(*tag, Self::read_all(contents))
            });
            der = rest;
        }
        all
    }

    /// Writes the value.
    pub fn encoded(&self, lengths: Lengths) -> Vec<u8> {
        let (tag, contents) = match self {
            Self::Primitive(tag, contents) => (*tag, contents.clone()),
            Self::Constructed(tag, children) => {
                (*tag, children.iter().flat_map(|child| child.encoded(lengths)).collect())
            }
        };
        match (lengths, self) {
            (Lengths::Indefinite, Self::Constructed(..)) => {
                [&[tag, 0x80], &*contents, &[0, 0]].concat()
            }
            (Lengths::Minimal | Lengths::Indefinite, _) if contents.len() < 0x80 => {
                [&[tag, contents.len() as u8], &*contents].concat()
            }
            (Lengths::Minimal | Lengths::Indefinite, _) => {
                let len = (contents.len() as u32).to_be_bytes();
                let len = &len[len.iter().take_while(|byte| **byte == 0).count()..];
                [&[tag, 0x80 | len.len() as u8], len, &contents].concat()
            }
            (Lengths::Long, _) => {
                let len = (contents.len() as u32).to_be_bytes();
                [&[tag, 0x84], &len[..], &contents].concat()
            }
        }
    }

    /// The values in this one.
    pub fn children(&mut self) -> &mut Vec<Self> {
        match self {
            Self::Constructed(_, children) => children,
            Self::Primitive(tag, _) => panic!("a value with tag {tag} has no values in it"),
        }
    }

    /// One of the values in this one.
    pub fn child(&mut self, index: usize) -> &mut Self {
        &mut self.children()[index]
    }

    /// The last of the values in this one.
    pub fn last_child(&mut self) -> &mut Self {
        self.children().last_mut().expect("a value")
    }
}
