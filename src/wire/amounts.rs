//! [`Amounts`]: a list of resources, its quantities read while it is decoded. [`Amount`]: one quantity.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::model::ResourceList;
use crate::units::{Quantity, QuantityError};

use super::error::FieldError;

/// Quantities by resource name. One that cannot be read is kept as its error: it fails the conversion of
/// its object, and not the decoding of the objects around it.
#[derive(Clone, Debug, Default)]
pub(super) struct Amounts {
    list: ResourceList,
    bad: Option<Box<Bad>>,
}

#[derive(Clone, Debug)]
struct Bad {
    resource: Box<str>,
    error: QuantityError,
}

impl Amounts {
    /// The list, which stands at `path`.
    pub(super) fn get(&self, path: impl FnOnce() -> String) -> Result<&ResourceList, FieldError> {
        match &self.bad {
            None => Ok(&self.list),
            Some(bad) => {
                let path = format!("{}.{}", path(), bad.resource);
                Err(FieldError::new(path, bad.error.to_string()))
            }
        }
    }
}

/// A copy of the list `amounts`, which stands at `path`; nothing where there is none.
pub(super) fn copy(
    amounts: Option<&Amounts>,
    path: impl FnOnce() -> String,
) -> Result<ResourceList, FieldError> {
    copy_some(amounts, path).map(Option::unwrap_or_default)
}

/// A copy of the list `amounts`, which stands at `path`, if there is one.
pub(super) fn copy_some(
    amounts: Option<&Amounts>,
    path: impl FnOnce() -> String,
) -> Result<Option<ResourceList>, FieldError> {
    amounts.map(|amounts| amounts.get(path).cloned()).transpose()
}

impl<'de> Deserialize<'de> for Amounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AmountsVisitor)
    }
}

struct AmountsVisitor;

impl<'de> Visitor<'de> for AmountsVisitor {
    type Value = Amounts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of quantities")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut amounts = Amounts::default();
        while let Some(resource) = entries.next_key::<Box<str>>()? {
            match entries.next_value::<Amount>()?.0 {
                Ok(quantity) => {
                    amounts.list.insert(resource, round_up_to_milli(quantity));
                }
                Err(error) if amounts.bad.is_none() => {
                    amounts.bad = Some(Box::new(Bad { resource, error }));
                }
                Err(_) => {}
            }
        }
        Ok(amounts)
    }
}

/// Upstream: `SetDefaults_ResourceList`, v1.37. What the API server sends is rounded already.
fn round_up_to_milli(quantity: Quantity) -> Quantity {
    match quantity.milli_value() {
        // So large that its thousandths do not fit, let alone matter.
        i64::MAX | i64::MIN => quantity,
        milli => Quantity::from_milli(milli),
    }
}

/// A quantity: text or a bare number; `null` is zero.
///
/// Upstream: Quantity.UnmarshalJSON, v1.37.
#[derive(Clone, Debug)]
pub(super) struct Amount(Result<Quantity, QuantityError>);

impl Amount {
    /// The quantity, which stands at `path`.
    pub(super) fn get(&self, path: &str) -> Result<Quantity, FieldError> {
        self.0.clone().map_err(|error| FieldError::new(path, error.to_string()))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Amount(Ok(Quantity::ZERO)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Amount(Quantity::parse(text.trim())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }
}
