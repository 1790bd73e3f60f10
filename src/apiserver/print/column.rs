//! [`Column`]: a column of a table, and how its cells are read off an object. The kinds' own files
//! list theirs.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::duration;
use super::fields::{at, count, joined, list, number, text};

/// One column of the table of a kind.
pub(super) struct Column {
    name: &'static str,
    data_type: &'static str,
    format: &'static str,
    priority: u8,
    cell: Cell,
}

/// Where a cell comes from. Paths are names of fields with dots in between.
enum Cell {
    /// The text at a path, or another where there is none.
    Field(&'static str, &'static str),
    /// The whole number at a path, or 0.
    Number(&'static str),
    /// Whether there is a true at a path, or what counts where there is nothing.
    Flag(&'static str, bool),
    /// How many entries a list or a map has.
    Count(&'static str),
    /// A field of each item of a list, with commas in between.
    Joined(&'static str, &'static str),
    /// How long ago the time at a path was.
    Age(&'static str),
    /// What a function reads.
    Read(fn(&Value) -> Value),
    /// What a function makes of the object and the present time.
    Timed(fn(&Value, Timestamp) -> String),
}

/// The name of the object.
pub(super) const NAME: Column = Column { format: "name", ..Column::field("Name", "metadata.name") };
/// The age of the object.
pub(super) const AGE: Column = Column::age("Age", "metadata.creationTimestamp");
/// All columns of kinds that show only these two.
pub(super) const NAME_AND_AGE: &[Column] = &[NAME, AGE];
/// The columns of kinds that have none of their own.
///
/// Upstream: rest.NewDefaultTableConvertor, v1.37.
pub(super) const DEFAULT: &[Column] = &[
    NAME,
    // A bookmark was never created; Go has this for no time.
    Column::field_or("Created At", "metadata.creationTimestamp", "0001-01-01T00:00:00Z")
        .typed("date"),
];

impl Column {
    const fn new(name: &'static str, data_type: &'static str, cell: Cell) -> Self {
        Self { name, data_type, format: "", priority: 0, cell }
    }

    /// The text at `path`, or the empty one.
    pub(super) const fn field(name: &'static str, path: &'static str) -> Self {
        Self::field_or(name, path, "")
    }

    /// The text at `path`, or `otherwise` where the field is missing.
    pub(super) const fn field_or(
        name: &'static str,
        path: &'static str,
        otherwise: &'static str,
    ) -> Self {
        Self::new(name, "string", Cell::Field(path, otherwise))
    }

    /// The whole number at `path`, or 0.
    pub(super) const fn number(name: &'static str, path: &'static str) -> Self {
        Self::new(name, "integer", Cell::Number(path))
    }

    /// The boolean at `path`, or `otherwise`.
    pub(super) const fn flag(name: &'static str, path: &'static str, otherwise: bool) -> Self {
        Self::new(name, "boolean", Cell::Flag(path, otherwise))
    }

    /// How many entries the list or map at `path` has.
    pub(super) const fn count(name: &'static str, path: &'static str) -> Self {
        Self::new(name, "integer", Cell::Count(path))
    }

    /// The texts that the items of the list at `path` have in `field`, with commas in between.
    pub(super) const fn joined(
        name: &'static str,
        path: &'static str,
        field: &'static str,
    ) -> Self {
        Self::new(name, "string", Cell::Joined(path, field))
    }

    /// How long ago the time at `path` was.
    pub(super) const fn age(name: &'static str, path: &'static str) -> Self {
        Self::new(name, "string", Cell::Age(path))
    }

    /// What `cell` reads off the object: text, unless the column is [`Column::typed`] otherwise.
    pub(super) const fn read(name: &'static str, cell: fn(&Value) -> Value) -> Self {
        Self::new(name, "string", Cell::Read(cell))
    }

    /// The text that `cell` makes of the object and the present time.
    pub(super) const fn timed(name: &'static str, cell: fn(&Value, Timestamp) -> String) -> Self {
        Self::new(name, "string", Cell::Timed(cell))
    }

    /// Only `-o wide` shows this column.
    pub(super) const fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }

    /// Declares a type that does not follow from the cells: upstream's types do not always.
    pub(super) const fn typed(self, data_type: &'static str) -> Self {
        Self { data_type, ..self }
    }

    /// Declares the cells names, as those of [`NAME`].
    pub(super) const fn names(self) -> Self {
        Self { format: "name", ..self }
    }

    /// The TableColumnDefinition.
    ///
    /// Differs from upstream: the description is empty; kubectl does not show it.
    pub(super) fn definition(&self) -> Value {
        json!({
            "name": self.name, "type": self.data_type, "format": self.format,
            "description": "", "priority": self.priority,
        })
    }

    /// The cell of `object` in this column.
    pub(super) fn cell(&self, object: &Value, now: Timestamp) -> Value {
        match self.cell {
            Cell::Field(path, otherwise) => at(object, path).as_str().unwrap_or(otherwise).into(),
            Cell::Number(path) => number(object, path).into(),
            Cell::Flag(path, otherwise) => at(object, path).as_bool().unwrap_or(otherwise).into(),
            Cell::Count(path) => count(object, path).into(),
            Cell::Joined(path, field) => {
                joined(list(object, path).iter().map(|item| text(item, field)), "").into()
            }
            Cell::Age(path) => duration::since(duration::time(at(object, path)), now).into(),
            Cell::Read(cell) => cell(object),
            Cell::Timed(cell) => cell(object, now).into(),
        }
    }
}
