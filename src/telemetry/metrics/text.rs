//! From OpenMetrics, which the client library prints, to the text format that kube-scheduler has.
//!
//! Upstream: expfmt of prometheus/common, which component-base v1.37 prints with: counters are called
//! `_total` in their TYPE, nothing is said of what has no samples, numbers look as Go prints them.

/// The same metrics in the text format of Prometheus, version 0.0.4.
pub(super) fn prometheus(open_metrics: &str) -> String {
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
            write_sample(&mut text, line);
        }
    }
    text
}

/// What stands above the samples of a family.
fn head_of(help: &str, kind: &str) -> String {
    let (name, kind) = kind.split_once(' ').unwrap_or((kind, "untyped"));
    let total = if kind == "counter" { "_total" } else { "" };
    let help = help.split_once(' ').map_or("", |(_, help)| help);
    format!("# HELP {name}{total} {help}\n# TYPE {name}{total} {kind}\n")
}

fn write_sample(text: &mut String, line: &str) {
    let (name, value) = line.rsplit_once(' ').unwrap_or((line, "0"));
    match name.split_once("{le=\"").and_then(|(name, rest)| Some((name, rest.split_once('"')?))) {
        Some((name, (bound, rest))) => {
            text.push_str(name);
            text.push_str("{le=\"");
            text.push_str(&number(bound));
            text.push('"');
            text.push_str(rest);
        }
        None => text.push_str(name),
    }
    text.push(' ');
    text.push_str(&number(value));
    text.push('\n');
}

/// A number as Go prints it with as many digits as it takes: from a million on, and below a ten-thousandth, with
/// an exponent.
fn number(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => {
            let scientific = format!("{value:e}");
            let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
            let exponent: i32 = exponent.parse().unwrap_or_default();
            if (-4..6).contains(&exponent) || value == 0.0 {
                return value.to_string();
            }
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => text.to_owned(),
    }
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
            assert_eq!(number(from), to, "{from}");
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
        assert_eq!(prometheus(open_metrics), text);
    }
}
