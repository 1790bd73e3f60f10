//! Label selectors as text: `app=web,tier in (a, b),!canary`.
//! Upstream: apimachinery pkg/labels, v1.37.

use crate::apiserver::store::Stored;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<Box<str>>),
    NotIn(Vec<Box<str>>),
    Above(i64),
    Below(i64),
}

/// A parsed label selector; the default selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<(Box<str>, Test)>);

impl LabelSelector {
    /// Reads a selector; the error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text };
        let mut tests = Vec::new();
        reader.skip_spaces();
        if reader.rest.is_empty() {
            return Ok(Self::default());
        }
        loop {
            tests.push(reader.requirement()?);
            match reader.symbol() {
                "" => return Ok(Self(tests)),
                "," => {}
                other => {
                    return Err(error(&format!(
                        "found '{other}', expected: ',' or 'end of string'"
                    )));
                }
            }
        }
    }

    /// Whether it selects everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it selects `object`.
    #[must_use]
    pub fn matches(&self, object: &Stored) -> bool {
        self.0.iter().all(|(key, test)| test.matches(object.label(key)))
    }
}

impl Test {
    fn matches(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::In(values) => value.is_some_and(|v| values.iter().any(|one| **one == *v)),
            Test::NotIn(values) => value.is_none_or(|v| values.iter().all(|one| **one != *v)),
            Test::Above(limit) => number().is_some_and(|number| number > *limit),
            Test::Below(limit) => number().is_some_and(|number| number < *limit),
        }
    }
}

/// What is left to read.
struct Reader<'a> {
    rest: &'a str,
}

fn error(what: &str) -> String {
    format!("unable to parse requirement: {what}")
}

/// Upstream: the messages of IsQualifiedName and IsValidLabelValue.
const NAME_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", ",", "(", ")", ">", "<"];

fn is_special(c: char) -> bool {
    c.is_ascii_whitespace() || "=!(),><".contains(c)
}

impl<'a> Reader<'a> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
    }

    /// The next symbol or word; empty at the end.
    fn symbol(&mut self) -> &'a str {
        self.skip_spaces();
        let len = SYMBOLS
            .iter()
            .find(|symbol| self.rest.starts_with(**symbol))
            .map_or_else(|| self.rest.find(is_special).unwrap_or(self.rest.len()), |s| s.len());
        let (word, rest) = self.rest.split_at(len);
        self.rest = rest;
        word
    }

    fn peek(&self) -> &'a str {
        Reader { rest: self.rest }.symbol()
    }

    fn requirement(&mut self) -> Result<(Box<str>, Test), String> {
        let mut word = self.symbol();
        if word == "!" {
            word = self.symbol();
            return Ok((label_key(word)?, Test::Absent));
        }
        let key = label_key(word)?;
        let test = match self.peek() {
            "" | "," => return Ok((key, Test::Exists)),
            operator => {
                self.symbol();
                match operator {
                    "=" | "==" => Test::In(vec![self.value(&key)?]),
                    "!=" => Test::NotIn(vec![self.value(&key)?]),
                    "in" => Test::In(self.values(&key)?),
                    "notin" => Test::NotIn(self.values(&key)?),
                    ">" => Test::Above(self.number()?),
                    "<" => Test::Below(self.number()?),
                    other => {
                        let what =
                            format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt");
                        return Err(error(&what));
                    }
                }
            }
        };
        Ok((key, test))
    }

    /// A value behind `=`; nothing stands for the empty one.
    fn value(&mut self, key: &str) -> Result<Box<str>, String> {
        let next = self.peek();
        if next.is_empty() || next == "," {
            return Ok("".into());
        }
        let word = self.symbol();
        label_value(key, 0, word)
    }

    fn values(&mut self, key: &str) -> Result<Vec<Box<str>>, String> {
        let open = self.symbol();
        if open != "(" {
            return Err(error(&format!("found '{open}' expected: '('")));
        }
        let mut values = Vec::new();
        loop {
            match self.peek() {
                "," | ")" => values.push("".into()),
                _ => {
                    let word = self.symbol();
                    values.push(label_value(key, values.len(), word)?);
                }
            }
            match self.symbol() {
                "," => {}
                ")" => return Ok(values),
                other => {
                    return Err(error(&format!("found '{other}', expected: ',' or ')'")));
                }
            }
        }
    }

    fn number(&mut self) -> Result<i64, String> {
        let word = self.symbol();
        word.parse().map_err(|_| {
            error(&format!("values[0]: Invalid value: {word:?}: for 'Gt', 'Lt' operators, the value must be an integer"))
        })
    }
}

fn label_key(word: &str) -> Result<Box<str>, String> {
    if word.is_empty() || word.starts_with(is_special) {
        let found = if word.is_empty() { "end of string" } else { word };
        return Err(error(&format!("found '{found}', expected: identifier")));
    }
    let name = word.rsplit_once('/').map_or(word, |(_, name)| name);
    let good = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if !word.chars().all(good)
        || name.len() > 63
        || !ends(name.chars().next())
        || !ends(name.chars().last())
    {
        return Err(error(&format!("<nil>: Invalid value: {word:?}: {NAME_RULE}")));
    }
    Ok(word.into())
}

/// The value at place `at` of the requirement on `key`.
fn label_value(key: &str, at: usize, word: &str) -> Result<Box<str>, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    if word.len() > 63
        || !word.chars().all(good)
        || !ends(word.chars().next())
        || !ends(word.chars().last())
    {
        return Err(error(&format!("values[{at}][{key}]: Invalid value: {word:?}: {VALUE_RULE}")));
    }
    Ok(word.into())
}
