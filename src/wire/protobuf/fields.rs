//! The encoding of protobuf itself: numbers, lengths, fields. `value` reads what the API server sends with it,
//! `apiserver` what clients send. Nothing is copied.

/// Why bytes are no protobuf.
pub(crate) type Malformed = &'static str;

/// The value of a field as it stands in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// The fields of a message, one after the other.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// The number and value of the next field; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| "a length is too large")?;
                Wire::Bytes(self.bytes(len)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err("a field has an unknown wire type"),
        };
        Ok(Some((tag >> 3, value)))
    }

    /// The value of the next field, if it has this number; where it has not, nothing is read.
    pub(crate) fn next_of(&mut self, wanted: u64) -> Result<Option<Wire<'a>>, Malformed> {
        let before = self.0;
        match self.next()? {
            Some((number, value)) if number == wanted => Ok(Some(value)),
            _ => {
                self.0 = before;
                Ok(None)
            }
        }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or("a number is cut off")?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number is too long")
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or("a field is cut off")?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.bytes(N)?.try_into().map_err(|_| "a field is cut off")
    }
}

/// The last value of the field `wanted` in a message.
pub(crate) fn last(bytes: &[u8], wanted: u64) -> Result<Option<Wire<'_>>, Malformed> {
    let mut found = None;
    let mut fields = Fields(bytes);
    while let Some((number, wire)) = fields.next()? {
        if number == wanted {
            found = Some(wire);
        }
    }
    Ok(found)
}

impl<'a> Wire<'a> {
    pub(crate) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err("a field has the wrong wire type"),
        }
    }

    pub(crate) fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "a string is not UTF-8")
    }

    /// A number, of which negative ones are written as very large ones.
    pub(crate) fn integer(self) -> Result<i64, Malformed> {
        match self {
            Self::Varint(number) => Ok(number.cast_signed()),
            _ => Err("a field has the wrong wire type"),
        }
    }

    pub(crate) fn double(self) -> Result<f64, Malformed> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            Self::Fixed32(bits) => Ok(f64::from(f32::from_bits(bits))),
            _ => Err("a field has the wrong wire type"),
        }
    }
}
