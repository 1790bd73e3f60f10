//! The types themselves: [`Schema`], [`Struct`], [`Field`], [`Type`]. Filled once by [`super::parse`].

use std::sync::LazyLock;

use serde_json::Value;

use super::GroupVersionKind;
use super::parse::parse;

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| parse(include_str!("kinds.txt")).unwrap_or_default());

/// A type that lives as long as the program.
pub type TypeRef = &'static Type;

/// All kinds that are served, and the structs they are made of.
#[derive(Debug, Default)]
pub struct Schema {
    /// Sorted by group, version and kind.
    pub(super) kinds: Vec<Kind>,
    pub(super) structs: Vec<Struct>,
}

/// A kind and its type.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) name: &'static str,
    pub(super) shape: Type,
}

impl Schema {
    /// The type of a kind; `None` for one that is not served.
    #[must_use]
    pub fn of(kind: &GroupVersionKind) -> Option<TypeRef> {
        let want = (&*kind.group, &*kind.version, &*kind.kind);
        let kinds = &Self::all().kinds;
        let at = kinds.binary_search_by(|k| (k.group, k.version, k.name).cmp(&want)).ok()?;
        Some(&kinds[at].shape)
    }

    pub(super) fn all() -> &'static Self {
        &SCHEMA
    }
}

/// A Go struct.
#[derive(Debug)]
pub struct Struct {
    /// Its name without what all have in common: `core.v1.PodSpec`.
    pub name: &'static str,
    /// Sorted by name.
    pub(super) fields: Vec<Field>,
}

impl Struct {
    /// All fields, sorted by name; those of embedded structs are among them.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of a name in JSON.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        let at = self.fields.binary_search_by(|field| field.name.cmp(name)).ok()?;
        self.fields.get(at)
    }

    /// What Go's messages call it: `PodSpec`.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }
}

/// A field of a struct.
#[derive(Debug)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it holds.
    pub holds: Type,
    /// Whether the OpenAPI document says that it is required.
    pub required: bool,
    /// When it is left out of what is written.
    pub omit: Omit,
    /// How strategic merge patch merges it.
    pub merge: Merge,
    /// The key of strategic merge patch, for lists of structs.
    pub merge_key: Option<&'static str>,
    /// What the key of a list element is when it is absent.
    pub key_default: Option<Value>,
    /// The embedded struct that it is a field of.
    pub(super) embedded: Option<&'static str>,
}

/// When Go leaves a field out of what it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Omit {
    /// Never: the zero value is written.
    Never,
    /// When empty; a struct never is.
    Empty,
    /// When zero, structs too.
    Zero,
}

/// The patch strategy of a field. What retainKeys adds is for those who make patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Structs and maps are merged, lists are replaced.
    Default,
    /// Lists are merged.
    Merge,
    /// Structs and maps are replaced.
    Replace,
}

/// A Go type.
#[derive(Debug)]
pub struct Type {
    /// What JSON it takes.
    pub shape: Shape,
    /// Whether it is a pointer, so that its zero value and its absence differ.
    pub pointer: bool,
    /// What Go's messages call it, where that does not follow from the shape.
    pub(super) name: Option<&'static str>,
}

/// What JSON a type takes.
#[derive(Debug)]
pub enum Shape {
    /// `true` and `false`.
    Bool,
    /// An integer of so many bits, with a sign unless it has 8.
    Int(u8),
    /// A number.
    Float,
    /// A text.
    String,
    /// A text in base64.
    Bytes,
    /// A text, or a number, that [`crate::units::Quantity`] reads.
    Quantity,
    /// A text in RFC 3339.
    Time,
    /// A text in RFC 3339 with six digits behind the point.
    MicroTime,
    /// A text in Go's syntax: `1h30m`.
    Duration,
    /// An integer of 32 bits or a text.
    IntOrString,
    /// The fields of an entry of managedFields.
    FieldsV1,
    /// Any JSON.
    Raw,
    /// An object with known fields.
    Struct {
        /// Where in the schema its fields are.
        at: usize,
        /// Whether server-side apply takes it as one value.
        atomic: bool,
    },
    /// A list.
    List {
        /// Its elements.
        item: Box<Type>,
        /// What tells elements apart.
        kind: ListKind,
    },
    /// An object with any keys.
    Map {
        /// What Go calls its keys.
        key: &'static str,
        /// Its values.
        value: Box<Type>,
        /// Whether server-side apply takes it as one value.
        atomic: bool,
    },
}

/// What tells the elements of a list apart in server-side apply.
#[derive(Debug)]
pub enum ListKind {
    /// Nothing: the list is one value.
    Atomic,
    /// The elements themselves.
    Set,
    /// These fields of the elements, sorted.
    Map(Box<[&'static str]>),
}

impl Type {
    /// The struct, if it is one.
    #[must_use]
    pub fn as_struct(&self) -> Option<&'static Struct> {
        match self.shape {
            Shape::Struct { at, .. } => Schema::all().structs.get(at),
            _ => None,
        }
    }

    /// What is below a name: the field of a struct, the value of a map.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        match &self.shape {
            Shape::Map { value, .. } => Some(value),
            _ => Some(&self.as_struct()?.field(name)?.holds),
        }
    }

    /// What Go's messages call it: `[]v1.Container`.
    #[must_use]
    pub fn go_name(&self) -> String {
        if let Some(name) = self.name {
            return name.to_owned();
        }
        match &self.shape {
            Shape::Bool => "bool".to_owned(),
            Shape::Int(8) => "uint8".to_owned(),
            Shape::Int(bits) => format!("int{bits}"),
            Shape::Float => "float64".to_owned(),
            Shape::String => "string".to_owned(),
            Shape::Bytes => "[]uint8".to_owned(),
            Shape::Quantity => "resource.Quantity".to_owned(),
            Shape::Time => "v1.Time".to_owned(),
            Shape::MicroTime => "v1.MicroTime".to_owned(),
            Shape::Duration => "v1.Duration".to_owned(),
            Shape::IntOrString => "intstr.IntOrString".to_owned(),
            Shape::FieldsV1 => "v1.FieldsV1".to_owned(),
            Shape::Raw => "runtime.RawExtension".to_owned(),
            Shape::Struct { .. } => {
                let name = self.as_struct().map_or("", |found| found.name);
                let from = name.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
                name[from..].to_owned()
            }
            Shape::List { item, .. } => format!("[]{}", item.go_name()),
            Shape::Map { key, value, .. } => format!("map[{key}]{}", value.go_name()),
        }
    }
}
