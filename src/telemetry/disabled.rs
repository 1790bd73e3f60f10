//! Metrics that somebody does not want to have: `--disabled-metrics`. Called on the text that all
//! metrics make.
//!
//! Upstream: component-base/metrics, v1.37, where a metric is named as its samples are.

/// `text` without the metrics of these names.
#[must_use]
pub(super) fn without(text: String, names: &[String]) -> String {
    if names.is_empty() {
        return text;
    }
    let is_named = |family: &str| {
        let total = |name: &String| name.strip_suffix("_total") == Some(family);
        names.iter().any(|name| name == family || total(name))
    };
    let mut left = false;
    let mut rest = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP" | "TYPE" | "UNIT"), Some(family)) => left = is_named(family),
            (Some("#"), Some("EOF"), None) => left = false,
            _ => {}
        }
        if !left {
            rest.push_str(line);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP a About a.
# TYPE a counter
a_total{x=\"1\"} 1
# HELP b About b.
# TYPE b histogram
b_bucket{le=\"+Inf\"} 0
b_sum 0
# HELP c About c.
# TYPE c gauge
c 1
# EOF
";

    #[test]
    fn a_metric_goes_with_all_its_lines() {
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(without(TEXT.to_owned(), &[]), TEXT);
        assert_eq!(without(TEXT.to_owned(), &names(&["b_sum", "x"])), TEXT);
        let rest = without(TEXT.to_owned(), &names(&["a_total", "b"]));
        assert_eq!(rest, "# HELP c About c.\n# TYPE c gauge\nc 1\n# EOF\n");
        let rest = without(TEXT.to_owned(), &names(&["c"]));
        assert!(rest.ends_with("b_sum 0\n# EOF\n"), "{rest}");
    }
}
