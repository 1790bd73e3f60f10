//! Reads `kinds.txt`, whose head describes the format.

use serde_json::Value;

use super::table::{Field, Kind, ListKind, Merge, Omit, Schema, Shape, Struct, Type};
use crate::units::Map;

/// Where a struct is and whether it is atomic, by name.
type Names = Map<&'static str, (usize, bool)>;

/// The schema, or the line that is wrong.
pub(super) fn parse(text: &'static str) -> Result<Schema, &'static str> {
    let lines = || text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut names = Names::default();
    for line in lines() {
        if let Some(rest) = line.strip_prefix("type ") {
            let (name, atomic) =
                rest.split_once(' ').map_or((rest, false), |(name, _)| (name, true));
            names.insert(name, (names.len(), atomic));
        }
    }
    let mut schema = Schema::default();
    for line in lines() {
        read(line, &names, &mut schema).ok_or(line)?;
    }
    for found in &mut schema.structs {
        found.fields.sort_by_key(|field| field.name);
    }
    schema.kinds.sort_by_key(|kind| (kind.group, kind.version, kind.name));
    Ok(schema)
}

fn read(line: &'static str, names: &Names, schema: &mut Schema) -> Option<()> {
    if let Some(rest) = line.strip_prefix("kind ") {
        let mut words = rest.split(' ');
        let (group, version) = words.next()?.split_once('/')?;
        let kind = words.next()?;
        let shape = read_type(words.next()?, names)?;
        schema.kinds.push(Kind { group, version, name: kind, shape });
    } else if let Some(rest) = line.strip_prefix("type ") {
        let name = rest.split(' ').next()?;
        schema.structs.push(Struct { name, fields: Vec::new() });
    } else {
        let field = read_field(line.strip_prefix("  ")?, names)?;
        schema.structs.last_mut()?.fields.push(field);
    }
    Some(())
}

fn read_field(line: &'static str, names: &Names) -> Option<Field> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let (name, omit) = if let Some(name) = name.strip_suffix('?') {
        (name, Omit::Empty)
    } else if let Some(name) = name.strip_suffix('~') {
        (name, Omit::Zero)
    } else {
        (name, Omit::Never)
    };
    let required = name.ends_with('!');
    let holds = read_type(words.next()?, names)?;
    let mut field = Field {
        name: name.trim_end_matches('!'),
        holds,
        required,
        omit,
        merge: Merge::Default,
        merge_key: None,
        key_default: None,
        embedded: None,
    };
    for word in words {
        let (word, argument) = match word.split_once('(') {
            Some((word, argument)) => (word, argument.strip_suffix(')')?),
            None => (word, ""),
        };
        read_word(&mut field, word, argument)?;
    }
    Some(field)
}

fn read_word(field: &mut Field, word: &str, argument: &'static str) -> Option<()> {
    match (word, &mut field.holds.shape) {
        ("set", Shape::List { kind, .. }) => *kind = ListKind::Set,
        ("map", Shape::List { kind, .. }) => {
            let mut keys: Vec<_> = argument.split(',').collect();
            keys.sort_unstable();
            *kind = ListKind::Map(keys.into());
        }
        ("atomic" | "granular", Shape::Map { atomic, .. } | Shape::Struct { atomic, .. }) => {
            *atomic = word == "atomic";
        }
        ("patch", _) => {
            let strategies = || argument.split(',');
            if strategies().any(|strategy| strategy == "merge") {
                field.merge = Merge::Merge;
            } else if strategies().any(|strategy| strategy == "replace") {
                field.merge = Merge::Replace;
            }
        }
        ("key", _) => field.merge_key = Some(argument),
        ("in", _) => field.embedded = Some(argument),
        ("default", _) => field.key_default = serde_json::from_str::<Value>(argument).ok(),
        _ => return None,
    }
    Some(())
}

fn read_type(text: &'static str, names: &Names) -> Option<Type> {
    if let Some(inner) = text.strip_prefix('*') {
        return Some(Type { pointer: true, ..read_type(inner, names)? });
    }
    if let Some((name, inner)) = text.split_once('=')
        && !text.starts_with("map[")
        && !text.starts_with("[]")
    {
        return Some(Type { name: Some(name), ..read_type(inner, names)? });
    }
    if let Some(item) = text.strip_prefix("[]") {
        let item = Box::new(read_type(item, names)?);
        let shape = Shape::List { item, kind: ListKind::Atomic };
        return Some(Type { shape, pointer: false, name: None });
    }
    if let Some(rest) = text.strip_prefix("map[") {
        let (key, value) = rest.split_once(']')?;
        let key = key.rsplit(':').next().unwrap_or(key);
        let value = Box::new(read_type(value, names)?);
        let shape = Shape::Map { key, value, atomic: false };
        return Some(Type { shape, pointer: false, name: None });
    }
    let (base, name) = match text.split_once(':') {
        Some((base, name)) => (base, Some(name)),
        None => (text, None),
    };
    let shape = match base {
        "bool" => Shape::Bool,
        "int" | "int64" => Shape::Int(64),
        "int32" => Shape::Int(32),
        "uint8" => Shape::Int(8),
        "float64" => Shape::Float,
        "string" => Shape::String,
        "bytes" => Shape::Bytes,
        "Quantity" => Shape::Quantity,
        "Time" => Shape::Time,
        "MicroTime" => Shape::MicroTime,
        "Duration" => Shape::Duration,
        "IntOrString" => Shape::IntOrString,
        "FieldsV1" => Shape::FieldsV1,
        "Raw" => Shape::Raw,
        other => {
            let (at, atomic) = *names.get(other)?;
            Shape::Struct { at, atomic }
        }
    };
    Some(Type { shape, pointer: false, name })
}

#[cfg(test)]
mod tests {
    use super::super::GroupVersionKind;
    use super::*;

    #[test]
    fn every_line_is_understood() {
        let schema = parse(include_str!("kinds.txt"));
        let schema = schema.unwrap_or_else(|line| unreachable!("{line}"));
        assert!(schema.kinds.len() > 50 && schema.structs.len() > 300);
        for line in ["kind v1 Pod", "type a\n  b? Nothing", "type a\n  b? string what"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn lists_keys_and_patches_of_a_container() {
        let pod = Schema::of(&GroupVersionKind::new("", "v1", "Pod")).expect("pods");
        let spec = pod.child("spec").expect("a spec");
        let containers = spec.as_struct().and_then(|s| s.field("containers")).expect("containers");
        assert_eq!((containers.merge, containers.merge_key), (Merge::Merge, Some("name")));
        assert_eq!(containers.holds.go_name(), "[]v1.Container");
        let Shape::List { item, .. } = &containers.holds.shape else { unreachable!() };
        let ports = item.as_struct().and_then(|s| s.field("ports")).expect("ports");
        let Shape::List { item, kind: ListKind::Map(keys) } = &ports.holds.shape else {
            unreachable!()
        };
        assert_eq!(**keys, ["containerPort", "protocol"]);
        let protocol = item.as_struct().and_then(|s| s.field("protocol")).expect("a protocol");
        assert_eq!(protocol.key_default, Some("TCP".into()));
        assert_eq!(protocol.holds.go_name(), "v1.Protocol");
        let selector = spec.as_struct().and_then(|s| s.field("nodeSelector")).expect("a selector");
        assert!(matches!(selector.holds.shape, Shape::Map { atomic: true, .. }));
    }
}
