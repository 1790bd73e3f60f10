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

/// All findings of one file, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// What was read: a file name, or what stands for one.
    pub source_name: String,
    /// At least one finding.
    pub errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// A finding about the whole of `source_name`, such as a file that cannot be read.
    pub(super) fn whole(source_name: &str, message: String) -> Self {
        let error = ConfigError { path: String::new(), value: None, message };
        Self { source_name: source_name.to_owned(), errors: vec![error] }
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
