//! The subject of a certificate, read from its DER: who it is made out to. Used once the certificate is known
//! to be good.

/// The attributes that say who a user is.
///
/// Upstream: CommonNameUserConversion in k8s.io/apiserver, with AllowParsingUserUIDFromCertAuth, v1.37.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Subject {
    /// The last common name: the user.
    pub(super) common_name: String,
    /// The organizations: the groups.
    pub(super) organizations: Vec<String>,
    /// The UID of the user; empty where there is none.
    pub(super) uid: String,
}

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
/// 1.3.6.1.4.1.57683.2
const UID: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xc2, 0x53, 0x02];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
/// `[0]` in front of a certificate's version.
const VERSION: u8 = 0xa0;

/// The subject of a certificate; `None` where it is not DER of one.
pub(super) fn read(certificate: &[u8]) -> Option<Subject> {
    let certificate = Elements(certificate).expect(SEQUENCE)?;
    let mut fields = Elements(Elements(certificate).expect(SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        fields.next()?;
    }
    let mut names = Elements(fields.expect(SEQUENCE)?);
    let mut subject = Subject::default();
    while !names.0.is_empty() {
        let mut pairs = Elements(names.expect(SET)?);
        while !pairs.0.is_empty() {
            let mut pair = Elements(pairs.expect(SEQUENCE)?);
            let attribute = pair.expect(OBJECT_ID)?;
            let (tag, value) = pair.next()?;
            match attribute {
                COMMON_NAME => subject.common_name = text(tag, value)?,
                ORGANIZATION => subject.organizations.push(text(tag, value)?),
                UID => subject.uid = text(tag, value)?,
                _ => {}
            }
        }
    }
    Some(subject)
}

fn text(tag: u8, value: &[u8]) -> Option<String> {
    match tag {
        UTF8_STRING | PRINTABLE_STRING | IA5_STRING => {
            std::str::from_utf8(value).ok().map(str::to_owned)
        }
        TELETEX_STRING if value.is_ascii() => std::str::from_utf8(value).ok().map(str::to_owned),
        _ => None,
    }
}

/// DER elements, one after the other.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// The tag and the content of the next one.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                let length = bytes.iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next one, which has this tag.
    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    #[test]
    fn who_a_certificate_is_for() {
        let mut params = CertificateParams::default();
        let name = &mut params.distinguished_name;
        name.push(DnType::CountryName, "CH");
        name.push(DnType::OrganizationName, "system:masters");
        name.push(DnType::CommonName, "\u{e4}lice");
        name.push(DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 57683, 2]), "u-1");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let expected = Subject {
            common_name: "\u{e4}lice".to_owned(),
            organizations: vec!["system:masters".to_owned()],
            uid: "u-1".to_owned(),
        };
        assert_eq!(read(certificate.der()), Some(expected));
        for length in 0..certificate.der().len().min(300) {
            assert_eq!(read(&certificate.der()[..length]), None, "{length}");
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 0x85, 1, 1, 1, 1, 1],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x02, 0x30, 0x00],
            &[0x02, 0x01, 0x00],
        ] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }
}
