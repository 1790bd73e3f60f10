//! The syntax that kube-scheduler's users know, on top of clap: flags as Go's pflag and the Kubernetes
//! components read them. Used by `args`.
//!
//! What differs from clap's own syntax: underscores in a name count as dashes, a flag that takes a
//! value takes the next argument whatever it looks like, a boolean takes one only after `=`, integers
//! may have a base prefix, and the last of several wins (that is a setting of clap's in `args`).

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::{Arg, Command};

use crate::config;

/// Rewrites a command line, program name first, into what clap reads the same way: `--a_b=c` becomes
/// `--a-b=c`, and `--a b` becomes `--a=b` for a flag that takes a value. What `command` does not know
/// stays as it is, for clap to name it as it was typed.
pub(super) fn normalize(
    command: &Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut command = command;
    let mut normal: Vec<OsString> = arguments.next().into_iter().collect();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            normal.push(argument);
            normal.extend(arguments);
            break;
        }
        let Some((flag, name, value)) = known_flag(command, &argument) else {
            if let Some(subcommand) =
                argument.to_str().and_then(|name| command.find_subcommand(name))
            {
                command = subcommand;
            }
            normal.push(argument);
            continue;
        };
        let value = match value {
            Some(value) => Some(value.to_owned()),
            None if takes_next(flag) => arguments.next(),
            None => None,
        };
        let mut rewritten = OsString::from(name);
        if let Some(value) = value {
            rewritten.push("=");
            rewritten.push(value);
        }
        normal.push(rewritten);
    }
    normal
}

/// The flag that `argument` names, its name with the dashes in front, and the value after an equals
/// sign. Of the short flags, only one that stands alone: `-v=2` and `-v2` are clap's syntax too.
fn known_flag<'a>(
    command: &'a Command,
    argument: &'a OsStr,
) -> Option<(&'a Arg, String, Option<&'a OsStr>)> {
    let (name, value) = split_at_equals(argument);
    let name = name.to_str()?;
    let flag = |wanted: &dyn Fn(&Arg) -> bool| command.get_arguments().find(|arg| wanted(arg));
    if let Some(long) = name.strip_prefix("--") {
        let long = long.replace('_', "-");
        let found = flag(&|arg| arg.get_long() == Some(&long))?;
        return Some((found, format!("--{long}"), value));
    }
    let mut letters = name.strip_prefix('-')?.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else {
        return None;
    };
    let found = flag(&|arg| arg.get_short() == Some(letter))?;
    Some((found, format!("-{letter}"), value))
}

/// The parts before and after the first equals sign.
fn split_at_equals(argument: &OsStr) -> (&OsStr, Option<&OsStr>) {
    match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((name, value)) => (OsStr::new(name), Some(OsStr::new(value))),
        None => (argument, None),
    }
}

/// Whether the argument after `flag` is its value.
fn takes_next(flag: &Arg) -> bool {
    flag.get_action().takes_values() && !flag.is_require_equals_set()
}

/// Go's `strconv.ParseBool`.
pub(super) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// Go's `strconv.ParseInt(text, 0, ...)` with the range of `T`: decimal, or `0x`, `0o`, `0b` or `0` in
/// front; underscores between digits.
pub(super) fn parse_integer<T: TryFrom<i128>>(text: &str) -> Result<T, String> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let prefixed = digits.len() < lower.len();
    let digits = if prefixed { digits.strip_prefix('_').unwrap_or(digits) } else { digits };
    let well_formed = digits.split('_').all(|group| !group.is_empty())
        && digits.chars().all(|c| c == '_' || c.is_digit(radix));
    if !well_formed {
        return Err("must be an integer".to_owned());
    }
    i128::from_str_radix(&digits.replace('_', ""), radix)
        .ok()
        .and_then(|magnitude| T::try_from(sign * magnitude).ok())
        .ok_or_else(|| "is out of range".to_owned())
}

/// Go's `time.ParseDuration` without what is below zero.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    config::parse_duration(text)
        .ok_or_else(|| "must be a duration of zero or more, such as 1m30s".to_owned())
}

/// Go's `strconv.ParseFloat` without what is not finite.
pub(super) fn parse_finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err("must be a finite number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_gos() {
        for text in ["1", "t", "T", "TRUE", "true", "True"] {
            assert_eq!(parse_bool(text), Ok(true), "{text}");
        }
        for text in ["0", "f", "F", "FALSE", "false", "False"] {
            assert_eq!(parse_bool(text), Ok(false), "{text}");
        }
        for text in ["", "yes", "tRUE", "on"] {
            assert!(parse_bool(text).is_err(), "{text}");
        }
    }

    #[test]
    fn integers_are_gos() {
        let table: [(&str, Option<i32>); 22] = [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("+7", Some(7)),
            ("-7", Some(-7)),
            ("0x1F", Some(31)),
            ("-0b101", Some(-5)),
            ("0O17", Some(15)),
            ("017", Some(15)),
            ("1_000", Some(1000)),
            ("0x_ff", Some(255)),
            ("2147483647", Some(2_147_483_647)),
            ("-2147483648", Some(-2_147_483_648)),
            ("2147483648", None),
            ("", None),
            ("-", None),
            ("0x", None),
            ("08", None),
            ("1__0", None),
            ("1_", None),
            ("_1", None),
            ("--1", None),
            ("1.0", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_integer::<i32>(text).ok(), expected, "{text}");
        }
        assert_eq!(parse_integer::<u64>("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(parse_integer::<u64>("-1"), Err("is out of range".to_owned()));
    }

    #[test]
    fn numbers_are_finite() {
        assert_eq!(parse_finite("1e3"), Ok(1000.0));
        assert_eq!(parse_finite("-.5"), Ok(-0.5));
        for text in ["", "nan", "inf", "1e999", "5s"] {
            assert!(parse_finite(text).is_err(), "{text}");
        }
    }
}
