//! `berth config default` prints a configuration with every default written out, `berth config check`
//! says what is wrong with a file, for pipelines. Called by `cli`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::args::{ConfigArgs, ConfigCommand};
use super::refuse;
use super::registry;
use crate::client::Extenders;
use crate::config::{self, Configuration, Gates};
use crate::framework::PluginInfo;

/// Prints what was asked for on standard output. The exit code is 2 for a file that is refused, 1 if the
/// output could not be written.
#[must_use]
pub fn execute(args: &ConfigArgs) -> ExitCode {
    let mut out = io::stdout().lock();
    let outcome = match &args.command {
        ConfigCommand::Default { config, gates } => {
            let gates = match gates.read() {
                Ok(gates) => gates.features,
                Err(error) => return refuse(&error),
            };
            let text = match config.as_deref().filter(|path| !path.as_os_str().is_empty()) {
                None => config::render_default(registry(), gates),
                Some(path) => match config::render_file(path, registry(), gates) {
                    Ok(text) => text,
                    Err(error) => return refuse(&error),
                },
            };
            out.write_all(text.as_bytes()).and_then(|()| out.flush()).map(|()| true)
        }
        ConfigCommand::Check { file, gates } => match gates.read() {
            Ok(gates) => check(file, registry(), &gates, &mut out),
            Err(error) => return refuse(&error),
        },
    };
    super::written(outcome)
}

/// Writes the findings, errors first, one a line; says whether the file can be used.
fn check(
    file: &Path,
    registry: &[PluginInfo],
    gates: &Gates,
    out: &mut impl Write,
) -> io::Result<bool> {
    for warning in &gates.warnings {
        writeln!(out, "{warning}")?;
    }
    let name = file.display();
    let valid = match config::load(file, registry, gates.features) {
        Ok(configuration) => {
            let callable = extenders_can_be_called(&configuration);
            if let Err(error) = &callable {
                writeln!(out, "{name}: {error}")?;
            }
            for warning in configuration.warnings {
                writeln!(out, "{name}: {warning}")?;
            }
            if callable.is_ok() {
                writeln!(out, "{name}: valid")?;
            }
            callable.is_ok()
        }
        Err(errors) => {
            writeln!(out, "{errors}")?;
            for warning in &errors.warnings {
                writeln!(out, "{name}: {warning}")?;
            }
            false
        }
    };
    out.flush()?;
    Ok(valid)
}

/// Whether the addresses and certificates of the extenders can be used; nobody is called.
fn extenders_can_be_called(configuration: &Configuration) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let _entered = runtime.enter();
    let made = Extenders::new(&configuration.extenders, Vec::new());
    made.map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FeatureGates;
    use crate::plugins::PLUGINS;

    /// What is said of a file with this text, without its name, and whether it is valid.
    fn checked(text: &str) -> (String, bool) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.yaml");
        std::fs::write(&path, text).unwrap();
        let mut out = Vec::new();
        let valid = check(&path, PLUGINS, &Gates::default(), &mut out).unwrap();
        let name = path.display().to_string();
        (String::from_utf8(out).unwrap().replace(&name, "F"), valid)
    }

    const HEAD: &str =
        "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

    #[test]
    fn findings_are_one_a_line_and_end_with_a_verdict() {
        let table = [
            ("", "F: valid\n", true),
            ("parallelism: 8", "F: parallelism: 8: has no effect\nF: valid\n", true),
            (
                "parallelism: 8\npercentageOfNodesToScore: 101",
                "F: percentageOfNodesToScore: 101: not in valid range [0-100]\n\
                 F: parallelism: 8: has no effect\n",
                false,
            ),
        ];
        for (body, expected, valid) in table {
            assert_eq!(checked(&format!("{HEAD}{body}")), (expected.to_owned(), valid), "{body}");
        }
        let mut out = Vec::new();
        assert!(
            !check(Path::new("/nowhere/c.yaml"), PLUGINS, &Gates::default(), &mut out).unwrap()
        );
        assert!(out.starts_with(b"/nowhere/c.yaml: cannot be read: "));
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let printed = config::render_default(PLUGINS, FeatureGates::default());
        assert_eq!(checked(&printed), ("F: valid\n".to_owned(), true));
    }
}
