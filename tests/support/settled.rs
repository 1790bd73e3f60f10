//! Text of kubectl without what differs from run to run: [`settled`].
//!
//! Blanked are times and ages of less than ten minutes, UIDs, resourceVersions, loopback addresses of
//! servers, addresses of pods, ids of containers, and the generated parts of names. Runs of spaces within
//! a line count as two, as the width of a column follows from what is blanked. The parts of a warning are
//! in alphabetical order: `kubectl drain` takes them from a map. Upstream: drain PodDeleteList.Warnings.

/// The characters of generated names. Upstream: apimachinery util/rand.
const GENERATED: &str = "bcdfghjklmnpqrstvwxz2456789";
/// How long the hash of a template is in a name.
const HASH_LENGTHS: std::ops::RangeInclusive<usize> = 8..=10;
/// How long the end of a generated name is.
const SUFFIX_LENGTH: usize = 5;
/// How a time ends where kubectl writes it for people, and how much stands before that:
/// `Mon, 02 Jan 2006 15:04:05 +0000`.
const ZONE: &str = " +0000";
const LENGTH_BEFORE_ZONE: usize = 25;
/// Ages in seconds end before this. Upstream: `duration.HumanDuration`.
const SECONDS_END: u32 = 120;
/// How a warning begins, and what stands between its parts.
const WARNING: &str = "Warning: ";
const BETWEEN_PARTS: &str = "; ";

/// See the module.
pub(crate) fn settled(text: &str) -> String {
    let settle = |line| with_sorted_parts(with_two_spaces(&words(&without_time(line))));
    text.lines().map(settle).collect::<Vec<_>>().join("\n")
}

/// Sorts the parts of a warning; other lines stay as they are.
fn with_sorted_parts(line: String) -> String {
    let Some(warning) = line.strip_prefix(WARNING) else { return line };
    let mut parts: Vec<&str> = warning.split(BETWEEN_PARTS).collect();
    parts.sort_unstable();
    WARNING.to_owned() + &parts.join(BETWEEN_PARTS)
}

fn without_time(line: &str) -> String {
    let begin = |at: usize| at.checked_sub(LENGTH_BEFORE_ZONE);
    match line.find(ZONE).and_then(|at| Some((begin(at)?, at))) {
        Some((begin, at)) if line.is_char_boundary(begin) => {
            format!("{}<time>{}", &line[..begin], &line[at + ZONE.len()..])
        }
        _ => line.to_owned(),
    }
}

fn with_two_spaces(line: &str) -> String {
    let rest = line.trim_start_matches(' ');
    let indent = &line[..line.len() - rest.len()];
    let mut columns = rest.split("  ").map(str::trim).filter(|column| !column.is_empty());
    let first = columns.next().unwrap_or_default();
    columns.fold(format!("{indent}{first}"), |line, column| line + "  " + column)
}

/// Replaces the words of a line, one by one.
fn words(line: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-.:/_+".contains(c);
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let word = rest[..end].trim_end_matches(['.', ':']);
        let is_version = !word.is_empty() && is_version_key(&out);
        out.push_str(&if is_version { "<version>".to_owned() } else { blanked(word) });
        out.push_str(&rest[word.len()..end]);
        let next = rest[end..].find(is_part).map_or(rest.len(), |at| end + at);
        out.push_str(&rest[end..next]);
        rest = &rest[next..];
    }
    out
}

/// Whether the value that comes next is a resourceVersion, in YAML or JSON.
fn is_version_key(before: &str) -> bool {
    let key = before.trim_end_matches(['"', ' ', ':']);
    key.len() < before.len() && before.ends_with('"') && key.ends_with("resourceVersion")
}

fn blanked(word: &str) -> String {
    if is_uid(word) {
        return "<uid>".to_owned();
    }
    if is_time(word) {
        return "<time>".to_owned();
    }
    if is_age(word) {
        return "<age>".to_owned();
    }
    if word.starts_with("containerd://") {
        return "<container>".to_owned();
    }
    if let Some(at) = word.find("127.0.0.1:") {
        let path = word[at..].find('/').map_or(word.len(), |slash| at + slash);
        return format!("<server>{}", &word[path..]);
    }
    if is_address(word) {
        return "<address>".to_owned();
    }
    word.split('/').map(name).collect::<Vec<_>>().join("/")
}

/// A name without its generated parts.
fn name(name: &str) -> String {
    let is_generated = |part: &str| part.chars().all(|c| GENERATED.contains(c));
    let is_hash = |part: &str| is_generated(part) && HASH_LENGTHS.contains(&part.len());
    let parts: Vec<&str> = name.split('-').collect();
    let last = parts.len() - 1;
    let part = |(at, part): (usize, &&str)| match *part {
        // Labels have the hash alone.
        hash if is_hash(hash) => "<hash>".to_owned(),
        end if at == last && at > 0 && end.len() == SUFFIX_LENGTH && is_generated(end) => {
            "<end>".to_owned()
        }
        other => other.to_owned(),
    };
    parts.iter().enumerate().map(part).collect::<Vec<_>>().join("-")
}

/// Whether a text looks like `pattern`, in which 0 stands for a digit and x for a hexadecimal one.
fn looks_like(text: &str, pattern: &str) -> bool {
    let fits = |(is, want): (char, char)| match want {
        '0' => is.is_ascii_digit(),
        'x' => is.is_ascii_hexdigit(),
        _ => is == want,
    };
    text.len() == pattern.len() && text.chars().zip(pattern.chars()).all(fits)
}

fn is_uid(word: &str) -> bool {
    looks_like(word, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
}

fn is_time(word: &str) -> bool {
    looks_like(word, "0000-00-00T00:00:00Z") || looks_like(word, "0000-00-00T00:00:00.000000Z")
}

fn is_age(word: &str) -> bool {
    let minutes_and_seconds = ["0m", "0m0s", "0m00s"];
    let seconds = word.strip_suffix('s').and_then(|digits| digits.parse::<u32>().ok());
    seconds.is_some_and(|seconds| seconds < SECONDS_END)
        || minutes_and_seconds.iter().any(|pattern| looks_like(word, pattern))
}

/// An address of a pod or a node, all of which are in 10.0.0.0/8.
fn is_address(word: &str) -> bool {
    word.starts_with("10.") && word.parse::<std::net::Ipv4Addr>().is_ok()
}
