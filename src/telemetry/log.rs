//! The log: text or JSON on standard error. Set up once, by `cli`; everybody else uses `tracing`.

use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

/// The environment variable that overrides the verbosity, in `tracing`'s filter language.
const FILTER_VARIABLE: &str = "RUST_LOG";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people: time, level, message, fields.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `RUST_LOG` is not a filter.
    #[error("RUST_LOG: {value:?}: {reason}")]
    BadFilter {
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It was set up before.
    #[error("the log is set up already")]
    Twice,
    /// It was never set up.
    #[error("there is no log")]
    Never,
}

/// Changes what is logged.
type Change = Box<dyn Fn(EnvFilter) -> Result<(), TelemetryError> + Send + Sync>;

/// How to change what the log of this process has in it.
static CHANGE: OnceLock<Change> = OnceLock::new();

/// Sends what is logged from here on to standard error. `verbosity` is kube-scheduler's `-v`: from 2
/// on berth says debug lines too, from 5 on all it has; other libraries speak only to warn.
pub fn init(format: LogFormat, verbosity: i32) -> Result<(), TelemetryError> {
    let wish = std::env::var_os(FILTER_VARIABLE).unwrap_or_default();
    let filter = filter(verbosity, &wish.to_string_lossy())?;
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (filter, handle) = reload::Layer::new(filter);
    let logged = subscriber(format, filter, colours, io::stderr).try_init();
    logged.map_err(|_| TelemetryError::Twice)?;
    let change = move |filter| handle.reload(filter).map_err(|_| TelemetryError::Never);
    CHANGE.set(Box::new(change)).map_err(|_| TelemetryError::Twice)
}

/// Logs from here on as `-v` with this number does, whatever `RUST_LOG` says.
pub fn set_verbosity(verbosity: i32) -> Result<(), TelemetryError> {
    let change = CHANGE.get().ok_or(TelemetryError::Never)?;
    change(filter(verbosity, "")?)
}

/// What is logged: `wish`, unless that is empty.
fn filter(verbosity: i32, wish: &str) -> Result<EnvFilter, TelemetryError> {
    let level = match verbosity {
        ..-1 => "error",
        -1 => "warn",
        0..=1 => "info",
        2..=4 => "debug",
        5.. => "trace",
    };
    // kube says again, per connection and with whole bodies, what berth's own lines say once.
    let of_verbosity = format!("warn,kube_client=off,kube_runtime=off,berth={level}");
    let text = if wish.is_empty() { of_verbosity.as_str() } else { wish };
    EnvFilter::try_new(text).map_err(|error| TelemetryError::BadFilter {
        value: text.to_owned(),
        reason: error.to_string(),
    })
}

/// A log of this look that ends in `writer`.
fn subscriber<F, W>(
    format: LogFormat,
    filter: F,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    F: Layer<Registry> + Send + Sync,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Internal errors would go to standard error by a macro that panics when that is closed.
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colours)
        .log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => Box::new(registry.with(layer.compact())),
        LogFormat::Json => {
            Box::new(registry.with(layer.json().with_current_span(false).with_span_list(true)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    /// Collects what is written.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is left of one line of every level and origin.
    fn logged(format: LogFormat, verbosity: i32, wish: &str) -> String {
        let page = Page::default();
        let writer = page.clone();
        let filter = filter(verbosity, wish).unwrap();
        let subscriber = subscriber(format, filter, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let _span =
                tracing::info_span!(target: "berth::engine", "attempt", number = 7).entered();
            tracing::info!(target: "berth::engine", pod = "a/b", "placed");
            tracing::debug!(target: "berth::engine", "detail");
            tracing::trace!(target: "berth::engine", "everything");
            tracing::warn!(target: "hyper", "retrying");
            tracing::warn!(target: "kube_client", "bypassed");
            tracing::info!(target: "hyper", "noise");
        });
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn verbosity_counts_for_berth_alone() {
        let said = |verbosity, wish| {
            let text = logged(LogFormat::Text, verbosity, wish);
            ["placed", "detail", "everything", "retrying", "noise", "bypassed"]
                .into_iter()
                .filter(|word| text.contains(word))
                .collect::<Vec<_>>()
        };
        assert_eq!(said(-1, ""), ["retrying"]);
        assert_eq!(said(0, ""), ["placed", "retrying"]);
        assert_eq!(said(1, ""), ["placed", "retrying"]);
        assert_eq!(said(2, ""), ["placed", "detail", "retrying"]);
        assert_eq!(said(4, ""), ["placed", "detail", "retrying"]);
        assert_eq!(said(10, ""), ["placed", "detail", "everything", "retrying"]);
        assert_eq!(said(10, "error,hyper=info"), ["retrying", "noise"]);
    }

    #[test]
    fn text_is_a_line_with_its_time_and_without_colours() {
        let text = logged(LogFormat::Text, 0, "berth=info");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(text.as_bytes().get(10), Some(&b'T'), "{text}");
        assert!(text.contains("INFO") && text.contains("placed pod=\"a/b\""), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn json_is_an_object_a_line() {
        let text = logged(LogFormat::Json, 0, "berth=info");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["fields"]["message"], "placed");
        assert_eq!(line["fields"]["pod"], "a/b");
        assert_eq!(line["spans"][0]["number"], 7);
        assert!(line.get("span").is_none(), "{text}");
    }

    #[test]
    fn a_bad_filter_is_named() {
        let error = filter(0, "berth=loud").unwrap_err().to_string();
        assert!(error.starts_with("RUST_LOG: \"berth=loud\": "), "{error}");
    }
}
