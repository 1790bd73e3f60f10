//! Which field has which number: `messages.txt`, read once.

use std::sync::LazyLock;

use crate::units::Map;

static MESSAGES: LazyLock<Messages> =
    LazyLock::new(|| Messages::parse(include_str!("messages.txt")));

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// A message of its own, by its place among all.
    Message(usize),
    List(Box<Holds>),
    Map(Box<Holds>),
    String,
    Bool,
    Int,
    Double,
    Bytes,
    Quantity,
    /// A time; the second says whether fractions of a second are written.
    Time {
        micro: bool,
    },
    Duration,
    IntOrString,
    /// JSON in bytes.
    Json,
    /// A list of strings in a message of its own.
    Items,
}

/// One field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u64,
    /// Its name in JSON; empty where its own fields belong to the message around it.
    pub(super) name: &'static str,
    pub(super) holds: Holds,
}

/// The fields of a message.
#[derive(Debug, Default)]
pub(super) struct Message {
    fields: Vec<Field>,
}

impl Message {
    pub(super) fn field(&self, number: u64) -> Option<&Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Messages {
    kinds: Map<(&'static str, &'static str), usize>,
    messages: Vec<Message>,
}

impl Messages {
    pub(super) fn get() -> &'static Self {
        &MESSAGES
    }

    /// The message of a kind. `version` is `GROUP/VERSION`, with nothing before the slash for core.
    pub(super) fn of_kind(&self, version: &str, kind: &str) -> Option<&Message> {
        let found = self.kinds.iter().find(|((v, k), _)| *v == version && *k == kind);
        self.at(*found?.1)
    }

    pub(super) fn at(&self, place: usize) -> Option<&Message> {
        self.messages.get(place)
    }

    fn parse(text: &'static str) -> Self {
        let heads = text.lines().filter_map(|line| line.strip_prefix("message "));
        let places: Map<&str, usize> = heads.enumerate().map(|(at, name)| (name, at)).collect();
        let mut found = Self::default();
        for line in text.lines() {
            let words: Vec<&'static str> = line.split_whitespace().collect();
            match *words {
                ["kind", version, kind, message] => {
                    if let Some(place) = places.get(message) {
                        found.kinds.insert((version, kind), *place);
                    }
                }
                ["message", _] => found.messages.push(Message::default()),
                [number, name, holds] if line.starts_with("  ") => {
                    let Some(message) = found.messages.last_mut() else { continue };
                    let number = number.parse();
                    if let (Ok(number), Some(holds)) = (number, holds_of(holds, &places)) {
                        let name = if name == "-" { "" } else { name };
                        message.fields.push(Field { number, name, holds });
                    }
                }
                _ => {}
            }
        }
        found
    }
}

fn holds_of(text: &str, places: &Map<&str, usize>) -> Option<Holds> {
    if let Some(inner) = text.strip_prefix("[]") {
        return Some(Holds::List(Box::new(holds_of(inner, places)?)));
    }
    if let Some(inner) = text.strip_prefix("{}") {
        return Some(Holds::Map(Box::new(holds_of(inner, places)?)));
    }
    Some(match text {
        "string" => Holds::String,
        "bool" => Holds::Bool,
        "int" => Holds::Int,
        "double" => Holds::Double,
        "bytes" => Holds::Bytes,
        "Quantity" => Holds::Quantity,
        "Time" => Holds::Time { micro: false },
        "MicroTime" => Holds::Time { micro: true },
        "Duration" => Holds::Duration,
        "IntOrString" => Holds::IntOrString,
        "FieldsV1" | "Raw" => Holds::Json,
        "Items" => Holds::Items,
        message => Holds::Message(*places.get(message)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::kinds::Resource;

    #[test]
    fn every_field_of_the_file_is_understood() {
        let lines = include_str!("messages.txt").lines().filter(|line| line.starts_with("  "));
        let fields: usize = Messages::get().messages.iter().map(|m| m.fields.len()).sum();
        assert_eq!(fields, lines.count());
    }

    #[test]
    fn every_kind_that_is_served_has_a_message() {
        // Those of metrics.k8s.io are not of Kubernetes itself.
        let served = Resource::all().iter().filter(|row| row.group != "metrics.k8s.io");
        for row in served {
            let version = format!("{}/{}", row.group, row.version);
            assert!(
                Messages::get().of_kind(&version, row.kind).is_some(),
                "{version} {}",
                row.kind
            );
        }
    }
}
