//! Volume ids of Amazon EBS: as they are, or in the path of a URL such as `aws://us-east-1a/vol-1`.

use std::borrow::Cow;

const SCHEME: &str = "aws://";

/// What every volume id in a URL begins with.
const PREFIX: &str = "vol-";

/// The volume id that `text` holds; the error where it is a URL that holds none.
///
/// Upstream: `KubernetesVolumeIDToEBSVolumeID`, v1.37, with the URLs that Go's net/url reads. Differs from
/// upstream: nothing is wrong with a user or an address in brackets in the place of the zone.
pub(super) fn ebs_volume_id(text: &str) -> Result<Cow<'_, str>, String> {
    let Some(rest) = text.strip_prefix(SCHEME) else { return Ok(text.into()) };
    let failed = |why: String| format!("failed to translate Kubernetes ID to EBS Volume ID {why}");
    let path = url_path(text, rest).map_err(|(shown, why)| {
        failed(format!("Invalid disk name ({text}): parse {shown:?}: {why}"))
    })?;
    let id = path.trim_matches('/');
    if !id.starts_with(PREFIX) || id.contains('/') {
        return Err(failed(format!("Invalid format for AWS volume ({text})")));
    }
    Ok(id.to_owned().into())
}

/// The path, decoded, of the URL `text`, which goes on with `rest` after its scheme; else what is wrong,
/// and with which part of the URL.
fn url_path<'a>(text: &'a str, rest: &str) -> Result<String, (&'a str, String)> {
    let (url, fragment) = text.split_once('#').unwrap_or((text, ""));
    if url.bytes().any(|byte| byte.is_ascii_control()) {
        return Err((url, "net/url: invalid control character in URL".into()));
    }
    let rest = rest.split(['#', '?']).next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    check_host(host).map_err(|why| (url, why))?;
    let path = decoded(path).map_err(|why| (url, why))?;
    decoded(fragment).map_err(|why| (text, why))?;
    Ok(path)
}

fn check_host(host: &str) -> Result<(), String> {
    if host.contains(['@', '[']) {
        return Ok(());
    }
    if let Some((at, port)) = host.rfind(':').map(|at| (at, &host[at + 1..]))
        && !port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(format!("invalid port {:?} after host", &host[at..]));
    }
    decoded(host)?;
    for (at, character) in host.char_indices() {
        let ascii_escape = |escape: &str| escape.as_bytes()[1] < b'8' && escape != "%25";
        if character == '%' && host.get(at..at + 3).is_some_and(ascii_escape) {
            return Err(format!("invalid URL escape {:?}", &host[at..at + 3]));
        }
        if matches!(character, ' ' | '\\' | '^' | '`' | '{' | '|' | '}') {
            return Err(format!("invalid character {:?} in host name", character.to_string()));
        }
    }
    Ok(())
}

/// `text` with its percent escapes resolved.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match after {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            }
            None if *first == b'%' => {
                let shown = String::from_utf8_lossy(&rest[..rest.len().min(3)]);
                return Err(format!("invalid URL escape {shown:?}"));
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_urls() {
        let rows = [
            ("vol-1", Ok("vol-1")),
            ("anything", Ok("anything")),
            ("", Ok("")),
            ("AWS://us-east-1/vol-1", Ok("AWS://us-east-1/vol-1")),
            ("aws://us-east-1/vol-1", Ok("vol-1")),
            ("aws:///vol-1", Ok("vol-1")),
            ("aws://us-east-1//vol-1/", Ok("vol-1")),
            ("aws://us-east-1/vol-1?a=b/c#d/e", Ok("vol-1")),
            ("aws://us-east-1/vo%6c-1", Ok("vol-1")),
            ("aws://us-east-1/vol-%2F1", Err("Invalid format for AWS volume (*)")),
            ("aws://us-east-1/vol-1/2", Err("Invalid format for AWS volume (*)")),
            ("aws://us-east-1/1", Err("Invalid format for AWS volume (*)")),
            ("aws://vol-1", Err("Invalid format for AWS volume (*)")),
            (
                "aws://z/vol-%zz",
                Err("Invalid disk name (*): parse \"aws://z/vol-%zz\": invalid URL escape \"%zz\""),
            ),
            (
                "aws://z:p/vol-1#f",
                Err("Invalid disk name (*): parse \"aws://z:p/vol-1\": \
                     invalid port \":p\" after host"),
            ),
        ];
        for (text, want) in rows {
            let want = want.map(Cow::from).map_err(|why| {
                let why = why.replace('*', text);
                format!("failed to translate Kubernetes ID to EBS Volume ID {why}")
            });
            assert_eq!(ebs_volume_id(text), want, "{text}");
        }
    }
}
