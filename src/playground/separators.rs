//! JSON documents with lines of dashes between them, as people write who think of YAML: the lines are
//! taken out of the stream. Used by `documents`.

use std::io::{self, BufRead, Read};

/// Dashes at the beginning of a line that make it a separator. No line of JSON begins so.
const DASHES: usize = 3;

/// What `text` has without its separators.
pub(super) struct WithoutSeparators<'t> {
    text: &'t mut dyn BufRead,
    /// Dashes at the beginning of this line so far; `None` where it has begun with something else.
    dashes: Option<usize>,
    /// Dashes that turned out to be none of a separator, still to be given.
    held: usize,
    /// Inside a separator.
    skipping: bool,
}

impl<'t> WithoutSeparators<'t> {
    pub(super) fn new(text: &'t mut dyn BufRead) -> Self {
        Self { text, dashes: Some(0), held: 0, skipping: false }
    }
}

impl Read for WithoutSeparators<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut given = 0;
        while given < out.len() {
            if self.held > 0 {
                self.held -= 1;
                out[given] = b'-';
                given += 1;
                continue;
            }
            let buffer = self.text.fill_buf()?;
            if buffer.is_empty() {
                // Dashes at the very end are somebody's mistake, and the parser's to name.
                self.held = self.dashes.take().filter(|_| !self.skipping).unwrap_or(0);
                if self.held == 0 {
                    break;
                }
                continue;
            }
            let byte = buffer[0];
            if self.dashes.is_none() && !self.skipping {
                // Far the most: what stands behind the beginning of a line.
                let room = (out.len() - given).min(buffer.len());
                let end = buffer[..room].iter().position(|byte| *byte == b'\n');
                let length = end.map_or(room, |end| end + 1);
                out[given..given + length].copy_from_slice(&buffer[..length]);
                self.text.consume(length);
                given += length;
                self.dashes = end.map(|_| 0);
                continue;
            }
            match (self.skipping, byte) {
                (true, b'\n') => (self.skipping, self.dashes) = (false, Some(0)),
                (true, _) => {}
                (false, b'-') => {
                    let dashes = self.dashes.unwrap_or(0) + 1;
                    self.dashes = Some(dashes);
                    if dashes == DASHES {
                        (self.skipping, self.dashes) = (true, None);
                    }
                }
                (false, _) => {
                    self.held = self.dashes.take().unwrap_or(0);
                    continue;
                }
            }
            self.text.consume(1);
        }
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str, at_once: usize) -> String {
        let mut bytes = text.as_bytes();
        let mut reader = WithoutSeparators::new(&mut bytes);
        let (mut out, mut buffer) = (Vec::new(), vec![0; at_once]);
        loop {
            match reader.read(&mut buffer).unwrap() {
                0 => return String::from_utf8(out).unwrap(),
                length => out.extend_from_slice(&buffer[..length]),
            }
        }
    }

    #[test]
    fn only_lines_of_dashes_go() {
        let rows = [
            ("{}\n---\n{}\n", "{}\n{}\n"),
            ("---\n{}\n--- # next\n{}", "{}\n{}"),
            ("[\n-1,\n--2]\n", "[\n-1,\n--2]\n"),
            ("{\"a\": \"---\"}", "{\"a\": \"---\"}"),
            ("\n\n--", "\n\n--"),
            ("{}\n---", "{}\n"),
            ("", ""),
        ];
        for (text, want) in rows {
            for at_once in [1, 2, 3, 100] {
                assert_eq!(without(text, at_once), want, "{text:?} by {at_once}");
            }
        }
    }
}
