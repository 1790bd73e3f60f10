//! `create`.

use std::sync::Arc;

use serde_json::Value;

use crate::apiserver::failure::Failure;
use crate::apiserver::identity::now;
use crate::apiserver::objects;
use crate::apiserver::schema;
use crate::apiserver::store::{Encoder, Stored, WriteError};

use super::{Answer, Call, metadata};

/// How many names are tried for `generateName`. Upstream: `maxNameGenerationCreateAttempts`.
const NAMES_MAX: usize = 8;

/// Stores a new object.
pub fn create(call: &mut Call<'_>, object: Value) -> Result<Answer, Failure> {
    let object = insert(call, object)?;
    Ok(Answer::Object { code: 201, object })
}

/// Stores a new object and returns it.
pub fn insert(call: &mut Call<'_>, object: Value) -> Result<Arc<Stored>, Failure> {
    insert_with(call, object, true)
}

/// Stores a new object; `track` says whether its fields have still to be given owners.
pub fn insert_with(
    call: &mut Call<'_>,
    mut object: Value,
    track: bool,
) -> Result<Arc<Stored>, Failure> {
    metadata::begin(call, &mut object)?;
    let (mut name, generated) = metadata::settle_name(call, &mut object)?;
    metadata::check_namespace(call, &name)?;
    let kept = call.kept();
    let warnings = objects::on_create(&kept.qualified, &mut object, &now(), call.api)
        .map_err(|refusal| call.refused(&name, refusal))?;
    call.warnings.extend(warnings);
    metadata::check_path_segment(call, &name)?;
    schema::complete(&call.kind(), &mut object);
    if track {
        call.track(None, &mut object);
    }
    for _ in 0..NAMES_MAX {
        let draft = Encoder(kept).encode(&object);
        if call.params.dry_run {
            if call.api.store.get(kept.table, draft.key()).is_some() {
                return Err(Failure::already_exists(call.resource(), &name));
            }
            return Ok(Arc::new(draft.finish_unsaved()));
        }
        match call.api.store.create(kept.table, draft) {
            Ok(stored) => return Ok(stored),
            Err(_) if !generated => return Err(Failure::already_exists(call.resource(), &name)),
            Err(WriteError::Exists | WriteError::Missing | WriteError::Changed) => {}
        }
        name = call.api.identities.name(super::text(&object, "/metadata/generateName"));
        metadata::of(&mut object).insert("name".to_owned(), name.clone().into());
    }
    Err(Failure::no_name_generated(call.resource(), &name))
}
