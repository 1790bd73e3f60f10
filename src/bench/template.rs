//! The text of many objects that differ in a number: made once from JSON, written out per object. Used by
//! `plan` for bodies and paths.
//!
//! In any string `{i}` is the number of the object, counted from 0; `/N`, `%N` and `+N` behind the `i` change
//! it from left to right, as in `{i%100+50}`.

/// A text with places for a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Number(Vec<Step>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Divide(usize),
    Modulo(usize),
    Add(usize),
}

impl Template {
    /// Finds the places in `text`. What looks like one and is none stays text.
    pub(super) fn new(text: &str) -> Self {
        let (mut pieces, mut rest, mut kept) = (Vec::new(), text, 0);
        while let Some(at) = rest[kept..].find("{i") {
            let at = kept + at;
            let Some((steps, after)) = place(&rest[at + 2..]) else {
                kept = at + 2;
                continue;
            };
            if at > 0 {
                pieces.push(Piece::Text(rest[..at].into()));
            }
            pieces.push(Piece::Number(steps));
            (rest, kept) = (after, 0);
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Self(pieces)
    }

    /// The text for the object of this number.
    pub(super) fn text(&self, number: usize) -> String {
        let mut out = String::with_capacity(self.len());
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Number(steps) => {
                    let number = steps.iter().fold(number, |number, step| match *step {
                        Step::Divide(by) => number / by,
                        Step::Modulo(by) => number % by,
                        Step::Add(more) => number.saturating_add(more),
                    });
                    out.push_str(&number.to_string());
                }
            }
        }
        out
    }

    /// Bytes of a text, about.
    fn len(&self) -> usize {
        let bytes = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Number(_) => 8,
        };
        self.0.iter().map(bytes).sum()
    }
}

/// What is behind `{i`, up to the bracket, and what comes after that.
fn place(text: &str) -> Option<(Vec<Step>, &str)> {
    let (mut steps, mut rest) = (Vec::new(), text);
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((steps, after));
        }
        let step = rest.chars().next()?;
        let digits = rest[step.len_utf8()..].bytes().take_while(u8::is_ascii_digit).count();
        let end = step.len_utf8() + digits;
        let number: usize = rest[step.len_utf8()..end].parse().ok()?;
        steps.push(match step {
            '/' if number > 0 => Step::Divide(number),
            '%' if number > 0 => Step::Modulo(number),
            '+' => Step::Add(number),
            _ => return None,
        });
        rest = &rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_put_in_their_places() {
        let rows = [
            ("a", "a"),
            ("{i}", "1234"),
            ("node-{i%100}", "node-34"),
            ("{i%100+50}m, {i/100}", "84m, 12"),
            ("{i/10%10}", "3"),
            (r#"{"in":"{i}"}"#, r#"{"in":"1234"}"#),
            ("{i%0} {ij} {i", "{i%0} {ij} {i"),
        ];
        for (text, want) in rows {
            assert_eq!(Template::new(text).text(1234), want, "{text}");
        }
    }
}
