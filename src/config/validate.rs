//! Upstream's rules on a configuration whose types are right and whose defaults are filled in. Called
//! by `config`, after `defaults`.

use super::error::ConfigError;
use super::v1::File;
use super::value::quoted;

/// What breaks a rule, in upstream's order and words.
pub(super) fn check(file: &File) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let mut refuse = |path: String, value: String, message: &str| {
        errors.push(ConfigError { path, value: Some(value), message: message.to_owned() });
    };
    if let Some(burst) = file.client_connection.burst
        && burst < 0
    {
        refuse("clientConnection.burst".to_owned(), burst.to_string(), "must be non-negative");
    }
    for (index, profile) in file.profiles.iter().enumerate() {
        if profile.scheduler_name.as_deref() == Some("") {
            let path = format!("profiles[{index}].schedulerName");
            refuse(path, quoted(""), "must not be empty");
        }
    }
    errors
}
