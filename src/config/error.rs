//! What is wrong with a configuration file: one line a finding, each with its path. Made by `reader`
//! and `validate`, printed by `cli`.

use std::fmt;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it stands, such as `profiles[0].schedulerName`; empty for the file as a whole.
    pub path: String,
    /// The value found there as JSON, cut short; `None` where it says nothing.
    pub value: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        if let Some(value) = &self.value {
            write!(f, "{value}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// What was found so far: what is refused, and what is accepted but does not do what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<ConfigError>,
}

impl Findings {
    /// Refuses `value`, which stands at `path`.
    pub(super) fn refuse(&mut self, path: String, value: Option<String>, message: &str) {
        self.errors.push(ConfigError { path, value, message: message.to_owned() });
    }

    /// Says that `value`, which stands at `path`, does not do what it says.
    pub(super) fn warn(&mut self, path: String, value: Option<String>, message: &str) {
        self.warnings.push(ConfigError { path, value, message: message.to_owned() });
    }
}

/// All findings of one file, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// What was read: a file name, or what stands for one.
    pub source_name: String,
    /// At least one finding.
    pub errors: Vec<ConfigError>,
    /// What would only be warned about.
    pub warnings: Vec<ConfigError>,
}

impl ConfigErrors {
    /// A finding about the whole of `source_name`, such as a file that cannot be read.
    pub(super) fn whole(source_name: &str, message: String) -> Self {
        let error = ConfigError { path: String::new(), value: None, message };
        Self { source_name: source_name.to_owned(), errors: vec![error], warnings: Vec::new() }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: {error}", self.source_name)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
