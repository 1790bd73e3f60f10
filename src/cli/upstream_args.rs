//! The flags of kube-scheduler on berth's command line that have no field there: [`UpstreamArgs`], made from
//! [`FLAGS`]. It also remembers what was given of all flags, for `/flagz`. Used by `args` and `options`.

use std::collections::BTreeMap;

use clap::builder::ValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::flag_table::{FLAGS, Flag, Handling, Kind};
use super::go_flags::{parse_bool, parse_finite, parse_integer};
use super::options::OptionsError;
use crate::config::{LEASE_NAME, go_duration, parse_go_duration};

/// The flag that asks for the version.
const VERSION: &str = "version";

/// What was given of kube-scheduler's flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamArgs {
    /// By name without dashes: the values, in their order.
    given: BTreeMap<&'static str, Vec<String>>,
}

impl UpstreamArgs {
    /// The version is asked for.
    #[must_use]
    pub fn asks_for_version(&self) -> bool {
        let last = self.given.get(VERSION).and_then(|values| values.last());
        last.is_some_and(|value| parse_bool(value) != Ok(false))
    }

    /// Refuses what berth cannot do, and says what has no effect.
    pub(super) fn check(&self, warnings: &mut Vec<String>) -> Result<(), OptionsError> {
        for flag in FLAGS {
            let Some(shown) = self.shown(flag).filter(|shown| !asks_for_nothing(flag, shown))
            else {
                continue;
            };
            match flag.handling {
                Handling::Honoured => {}
                Handling::Idle(why) => {
                    warnings.push(format!("--{}: {shown}: has no effect: {why}", flag.name));
                }
                Handling::Refused(why) => {
                    return Err(OptionsError::Flag {
                        flag: format!("--{}", flag.name),
                        value: shown,
                        message: why.to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Every flag with its value, by name.
    ///
    /// Upstream: component-base/zpages/flagz, v1.37.
    pub(super) fn all(&self) -> BTreeMap<String, String> {
        let default = |flag: &Flag| match flag.name {
            "leader-elect-resource-name" => LEASE_NAME.to_owned(),
            // Berth's own.
            "leader-elect-resource-namespace" => String::new(),
            _ => flag.default.to_owned(),
        };
        let value = |flag: &Flag| self.shown(flag).unwrap_or_else(|| default(flag));
        let mut all: BTreeMap<_, _> =
            FLAGS.iter().map(|flag| (flag.name.to_owned(), value(flag))).collect();
        all.insert("help".to_owned(), "false".to_owned());
        all
    }

    /// The last value that was given, as it was.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name)?.last().map(String::as_str)
    }

    /// The value that was given, as Go shows it.
    fn shown(&self, flag: &Flag) -> Option<String> {
        let values = self.given.get(flag.name)?;
        let last = values.last()?.as_str();
        Some(match flag.kind {
            Kind::Bool => parse_bool(last).unwrap_or_default().to_string(),
            Kind::Integer => parse_integer::<i64>(last).unwrap_or_default().to_string(),
            Kind::Float => parse_finite(last).unwrap_or_default().to_string(),
            Kind::Duration => go_duration(parse_go_duration(last).unwrap_or_default()),
            Kind::Text => last.to_owned(),
            Kind::Texts => format!("[{}]", split(values).join(",")),
            Kind::Pairs => values.join(","),
        })
    }
}

/// The value is the default, or an empty text, which is none.
fn asks_for_nothing(flag: &Flag, shown: &str) -> bool {
    shown == flag.default || shown.is_empty()
}

/// The items of a list that was given once or several times.
pub(super) fn split(values: &[String]) -> Vec<String> {
    let items = values.iter().flat_map(|value| value.split(','));
    items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// How clap names a flag: as its field where it has one.
fn id(flag: &Flag) -> String {
    match (flag.name, flag.handling) {
        ("v", _) => "verbosity".to_owned(),
        (name, Handling::Honoured) => name.replace('-', "_"),
        (name, _) => name.to_owned(),
    }
}

impl FromArgMatches for UpstreamArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = BTreeMap::new();
        for flag in FLAGS {
            let id = id(flag);
            let Ok(Some(values)) = matches.try_get_raw(&id) else { continue };
            if matches.value_source(&id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let values = values.map(|value| value.to_string_lossy().into_owned()).collect();
            given.insert(flag.name, values);
        }
        Ok(Self { given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for UpstreamArgs {
    fn augment_args(command: Command) -> Command {
        let without_field = FLAGS.iter().filter_map(|flag| match flag.handling {
            Handling::Honoured => None,
            Handling::Idle(why) => Some((flag, format!("Has no effect: {why}"))),
            Handling::Refused(why) => Some((flag, format!("Not supported: {why}"))),
        });
        let arguments = without_field.map(|(flag, help)| argument(flag).help(help));
        let version = Arg::new(VERSION)
            .long(VERSION)
            .value_name("BOOL")
            .value_parser(parse_version)
            .help("Print the version and quit");
        command.args(arguments).arg(version)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(flag: &'static Flag) -> Arg {
    let checked = |check: fn(&str) -> Result<(), String>| {
        ValueParser::from(move |text: &str| check(text).map(|()| text.to_owned()))
    };
    let (name, parser) = match flag.kind {
        Kind::Bool => ("BOOL", checked(|text| parse_bool(text).map(drop))),
        Kind::Integer => ("N", checked(|text| parse_integer::<i64>(text).map(drop))),
        Kind::Float => ("N", checked(|text| parse_finite(text).map(drop))),
        Kind::Duration => ("DURATION", checked(|text| parse_any_duration(text).map(drop))),
        Kind::Text | Kind::Texts | Kind::Pairs => ("VALUE", ValueParser::string()),
    };
    let several = matches!(flag.kind, Kind::Texts | Kind::Pairs);
    Arg::new(flag.name)
        .long(flag.name)
        .value_name(name)
        .allow_hyphen_values(true)
        .action(if several { ArgAction::Append } else { ArgAction::Set })
        .value_parser(parser)
}

/// A duration in nanoseconds, in Go's spelling, also below zero.
fn parse_any_duration(text: &str) -> Result<i64, String> {
    parse_go_duration(text).ok_or_else(|| "must be a duration, such as 1m30s".to_owned())
}

/// Upstream: component-base/version/verflag, v1.37.
fn parse_version(text: &str) -> Result<String, String> {
    if text.starts_with('v') {
        return Err("berth reports no version but its own".to_owned());
    }
    if text != "raw" {
        parse_bool(text).map_err(|_| "must be true, false or raw".to_owned())?;
    }
    Ok(text.to_owned())
}
