//! From OpenMetrics, which the client library prints, to the text format that kube-scheduler has.
//!
//! Upstream: expfmt of prometheus/common, which component-base v1.37 prints with: counters are called
//! `_total` in their TYPE, nothing is said of what has no samples, numbers look as Go prints them.

use std::collections::BTreeMap;

/// Counters that are older than the rule that their names end in `_total`.
const WITHOUT_TOTAL: [&str; 2] = ["authenticated_user_requests", "authentication_attempts"];

/// What samples had come to when they were last reset, by name and labels.
pub(super) type Baseline = BTreeMap<String, f64>;

/// The same metrics in the text format of Prometheus, version 0.0.4, counted from `baseline` on.
pub(super) fn prometheus(open_metrics: &str, baseline: &Baseline) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = "";
    let mut head: Option<String> = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest;
            head = None;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            head = Some(head_of(help, rest));
        } else if !line.starts_with('#') {
            text.extend(head.take());
            write_sample(&mut text, line, baseline);
        }
    }
    text
}

/// What is counted in these metrics, to count from there on: no gauges, which say what is now, and nothing of the
/// process, which began when it began.
pub(super) fn baseline(open_metrics: &str) -> Baseline {
    let mut counted = false;
    let mut found = Baseline::new();
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            counted = !rest.ends_with(" gauge") && !rest.starts_with("process_");
        } else if !line.starts_with('#')
            && counted
            && let Some((sample, value)) = line.rsplit_once(' ')
            && let Ok(value) = value.parse()
            && value != 0.0
        {
            found.insert(sample.to_owned(), value);
        }
    }
    found
}

/// How many families of each stability there are, those without samples included.
pub(super) fn stabilities(open_metrics: &str) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for help in open_metrics.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let stability = help.split_once(" [").and_then(|(_, rest)| rest.split_once("] "));
        if let Some((stability @ ("ALPHA" | "BETA" | "STABLE"), _)) = stability {
            *counts.entry(stability).or_default() += 1;
        }
    }
    counts
}

/// What stands above the samples of a family.
fn head_of(help: &str, kind: &str) -> String {
    let (name, kind) = kind.split_once(' ').unwrap_or((kind, "untyped"));
    let total = if kind == "counter" && !WITHOUT_TOTAL.contains(&name) { "_total" } else { "" };
    let help = help.split_once(' ').map_or("", |(_, help)| help);
    format!("# HELP {name}{total} {help}\n# TYPE {name}{total} {kind}\n")
}

fn write_sample(text: &mut String, line: &str, baseline: &Baseline) {
    let (name, value) = line.rsplit_once(' ').unwrap_or((line, "0"));
    let before = baseline.get(name).copied();
    let bare = WITHOUT_TOTAL.iter().find_map(|bare| {
        let labels = name.strip_prefix(bare)?.strip_prefix("_total")?;
        Some(format!("{bare}{labels}"))
    });
    let name = bare.as_deref().unwrap_or(name);
    match name.split_once("{le=\"").and_then(|(name, rest)| Some((name, rest.split_once('"')?))) {
        Some((name, (bound, rest))) => {
            text.push_str(name);
            text.push_str("{le=\"");
            text.push_str(&number_of(bound));
            text.push('"');
            text.push_str(rest);
        }
        None => text.push_str(name),
    }
    text.push(' ');
    match (before, value.parse::<f64>()) {
        (Some(before), Ok(value)) => text.push_str(&number(value - before)),
        _ => text.push_str(&number_of(value)),
    }
    text.push('\n');
}

/// As [`number`], of a number that is text.
fn number_of(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => number(value),
        _ => text.to_owned(),
    }
}

/// A number as Go prints it with as many digits as it takes: from a million on, and below a ten-thousandth, with
/// an exponent.
#[must_use]
pub fn number(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) || value == 0.0 {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_gos() {
        let rows = [
            ("0.00001", "1e-05"),
            ("0.000015000000000000002", "1.5000000000000002e-05"),
            ("0.0001", "0.0001"),
            ("1.0", "1"),
            ("-1", "-1"),
            ("0.0", "0"),
            ("604800", "604800"),
            ("999999.5", "999999.5"),
            ("2592000", "2.592e+06"),
            ("1e21", "1e+21"),
            ("+Inf", "+Inf"),
            ("NaN", "NaN"),
        ];
        for (from, to) in rows {
            assert_eq!(number_of(from), to, "{from}");
        }
    }

    #[test]
    fn families_are_named_as_their_samples_and_empty_ones_left_out() {
        let open_metrics = "\
# HELP a About a.
# TYPE a counter
a_total{x=\"1 2\"} 1
# HELP empty Nothing.
# TYPE empty counter
# HELP b About b.
# TYPE b histogram
b_sum 0.5
b_count 2
b_bucket{le=\"0.00001\",x=\"y\"} 1
b_bucket{le=\"1.0\"} 1
b_bucket{le=\"+Inf\"} 2
# EOF
";
        let text = "\
# HELP a_total About a.
# TYPE a_total counter
a_total{x=\"1 2\"} 1
# HELP b About b.
# TYPE b histogram
b_sum 0.5
b_count 2
b_bucket{le=\"1e-05\",x=\"y\"} 1
b_bucket{le=\"1\"} 1
b_bucket{le=\"+Inf\"} 2
";
        assert_eq!(prometheus(open_metrics, &Baseline::new()), text);
    }

    #[test]
    fn what_is_counted_begins_anew_and_gauges_stay() {
        let at = |a: u32, count: u32| {
            format!(
                "# HELP a [BETA] About a.\n# TYPE a counter\na_total{{x=\"1 2\"}} {a}\n\
                 # HELP g [ALPHA] Now.\n# TYPE g gauge\ng 5\n\
                 # HELP n [ALPHA] None.\n# TYPE n counter\n\
                 # HELP h It has.\n# TYPE h histogram\nh_bucket{{le=\"+Inf\"}} {count}\n\
                 # HELP process_x Of [it] all.\n# TYPE process_x counter\nprocess_x_total 7\n"
            )
        };
        let text = prometheus(&at(9, 3), &baseline(&at(7, 3)));
        for line in ["a_total{x=\"1 2\"} 2", "g 5", "h_bucket{le=\"+Inf\"} 0", "process_x_total 7"]
        {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
        assert_eq!(stabilities(&at(0, 0)), [("ALPHA", 2), ("BETA", 1)].into());
    }
}
