//! What Go's formatter makes of a text without arguments. Used for the notes of Events, since upstream
//! formats them that way.
//!
//! Go: doPrintf of package fmt.

use std::borrow::Cow;

/// The largest number that a width or precision may have; a larger one ends the text.
const NUMBER_MAX: u32 = 1_000_000;

/// `text` with each percent sign and what belongs to it replaced by Go's complaint.
pub(super) fn without_arguments(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        rest = directive(after, &mut out);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Writes what becomes of one directive; gives what comes after it.
fn directive<'a>(after: &'a str, out: &mut String) -> &'a str {
    let mut scan = Scan { rest: after, bad_index: false };
    scan.rest = scan.rest.trim_start_matches(['#', '0', '+', '-', ' ']);
    let mut indexed = scan.index();
    if scan.eat('*') {
        out.push_str("%!(BADWIDTH)");
        indexed = false;
    } else if scan.number() && indexed {
        scan.bad_index = true;
    }
    // A dot at the very end is a verb.
    if scan.rest.len() > 1 && scan.eat('.') {
        scan.bad_index |= indexed;
        indexed = scan.index();
        if scan.eat('*') {
            out.push_str("%!(BADPREC)");
            indexed = false;
        } else {
            scan.number();
        }
    }
    if !indexed {
        scan.index();
    }
    let mut rest = scan.rest.chars();
    match rest.next() {
        None => out.push_str("%!(NOVERB)"),
        Some('%') => out.push('%'),
        Some(verb) => {
            let why = if scan.bad_index { "BADINDEX" } else { "MISSING" };
            out.push_str("%!");
            out.push(verb);
            out.push('(');
            out.push_str(why);
            out.push(')');
        }
    }
    rest.as_str()
}

struct Scan<'a> {
    rest: &'a str,
    /// An argument was asked for by a number that none has.
    bad_index: bool,
}

impl Scan<'_> {
    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Passes over a number; says whether there was one.
    fn number(&mut self) -> bool {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        if number_is_too_large(number) {
            self.rest = "";
            return false;
        }
        self.rest = rest;
        digits > 0
    }

    /// Passes over an index in brackets; says whether it is one. None is right, as there is no argument.
    fn index(&mut self) -> bool {
        let Some(inside) = self.rest.strip_prefix('[') else { return false };
        self.bad_index = true;
        let closed = if self.rest.len() < 3 { None } else { inside.split_once(']') };
        let Some((number, rest)) = closed else {
            self.rest = inside;
            return false;
        };
        self.rest = rest;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        digits && !number_is_too_large(number)
    }
}

/// As Go finds out, one digit before it would become so.
fn number_is_too_large(digits: &str) -> bool {
    let mut number = 0u32;
    for digit in digits.bytes() {
        if number > NUMBER_MAX {
            return true;
        }
        number = number * 10 + u32::from(digit - b'0');
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_out_as_with_go() {
        // Each row was printed by Go 1.26's fmt.Sprintf(text).
        let rows = [
            ("plain", "plain"),
            ("100%", "100%!(NOVERB)"),
            ("100 % of", "100 %!o(MISSING)f"),
            ("100%, 3 nodes", "100%!,(MISSING) 3 nodes"),
            ("%d", "%!d(MISSING)"),
            ("%%", "%"),
            ("%ü left", "%!ü(MISSING) left"),
            ("a %s b %v.", "a %!s(MISSING) b %!v(MISSING)."),
            ("%5.2f%%", "%!f(MISSING)%"),
            ("%*d", "%!(BADWIDTH)%!d(MISSING)"),
            ("%.*d", "%!(BADPREC)%!d(MISSING)"),
            ("%[1]d", "%!d(BADINDEX)"),
            ("%[1]5d", "%!d(BADINDEX)"),
            ("%[1].2d", "%!d(BADINDEX)"),
            ("%[x]d", "%!d(BADINDEX)"),
            ("%[d", "%!d(BADINDEX)"),
            ("%[", "%!(NOVERB)"),
            ("%[]", "%!](BADINDEX)"),
            ("%+#-0 5q", "%!q(MISSING)"),
            ("%1234567d", "%!d(MISSING)"),
            ("%12345678d x", "%!(NOVERB)"),
            ("%.12345678d", "%!(NOVERB)"),
            ("%.", "%!.(MISSING)"),
            ("%5", "%!(NOVERB)"),
            ("50%!", "50%!!(MISSING)"),
            ("%[1]*d", "%!(BADWIDTH)%!d(BADINDEX)"),
            ("%[12345678]d", "%!d(BADINDEX)"),
            ("%.[1]d", "%!d(BADINDEX)"),
            ("%[1]%", "%"),
        ];
        for (text, want) in rows {
            assert_eq!(without_arguments(text), want, "{text:?}");
        }
    }
}
