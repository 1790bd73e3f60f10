//! Fields that claims and volumes share.

use kube::core::ObjectMeta;
use serde::{Deserialize, Deserializer};

use crate::model::{self, VolumeMode};
use crate::units::Quantity;

use super::amounts::Amounts;
use super::error::FieldError;
use super::json::{List, Text};
use super::kept::annotation;

/// Upstream: `AnnBoundByController`, v1.37.
pub(super) const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";

/// Upstream: `BetaStorageClassAnnotation`, v1.37.
const BETA_STORAGE_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// `accessModes`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AccessModes(pub(super) model::AccessModes);

impl<'de> Deserialize<'de> for AccessModes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let modes = List::<Text<'de>>::deserialize(deserializer)?;
        let modes = modes.iter().map(|mode| match &*mode.0 {
            "ReadWriteOnce" => model::AccessModes::READ_WRITE_ONCE,
            "ReadOnlyMany" => model::AccessModes::READ_ONLY_MANY,
            "ReadWriteMany" => model::AccessModes::READ_WRITE_MANY,
            "ReadWriteOncePod" => model::AccessModes::READ_WRITE_ONCE_POD,
            _ => model::AccessModes::UNKNOWN,
        });
        Ok(Self(modes.fold(model::AccessModes::NONE, model::AccessModes::or)))
    }
}

/// The name of the class: the annotation counts for more than the field.
pub(super) fn class(metadata: &ObjectMeta, field: Option<&str>) -> Box<str> {
    annotation(metadata, BETA_STORAGE_CLASS).or(field).unwrap_or_default().into()
}

/// The storage in a list of resources, which stands at `path`.
pub(super) fn storage(
    amounts: Option<&Amounts>,
    path: &str,
) -> Result<Option<Quantity>, FieldError> {
    let list = amounts.map(|amounts| amounts.get(|| path.to_owned())).transpose()?;
    Ok(list.and_then(|list| list.get("storage").copied()))
}

/// `volumeMode`, which stands at `path`.
pub(super) fn volume_mode(mode: Option<&str>, path: &str) -> Result<VolumeMode, FieldError> {
    match mode {
        None | Some("Filesystem") => Ok(VolumeMode::Filesystem),
        Some("Block") => Ok(VolumeMode::Block),
        Some(other) => {
            Err(FieldError::new(path, format!("{other:?}: neither \"Filesystem\" nor \"Block\"")))
        }
    }
}
