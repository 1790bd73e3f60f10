//! Credentials that change while berth runs: a file with a token, as every pod has one, and credential
//! plugins. [`super::renew`] asks for them; whatever never changes is left to `kube`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use tokio::time::Instant;

use super::plugin::{Given, Plugin};

/// How long what a token file says is used without another look. client-go takes a minute; a token that
/// was exchanged is refused meanwhile.
const TOKEN_FILE_KEPT: Duration = Duration::from_secs(10);

/// How long before its end a credential is renewed: as long as a request may take.
const LEEWAY: Duration = Duration::from_secs(5);

/// Where a credential comes from, again and again.
#[derive(Debug)]
pub(super) enum Origin {
    /// A file that something else keeps up to date.
    TokenFile(PathBuf),
    /// A program.
    Plugin(Box<Plugin>),
}

/// What proves who berth is.
#[derive(Debug)]
pub(super) struct Credential {
    /// The value of the header Authorization.
    pub(super) authorization: Option<HeaderValue>,
    /// The client certificate.
    pub(super) identity: Option<Identity>,
    /// When to ask for another one, if not only after a refusal.
    pub(super) renew_at: Option<Instant>,
}

/// A client certificate and its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// The key stays out of it.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Origin {
    /// Gets a credential.
    ///
    /// # Errors
    ///
    /// One line that names the file, or the user and the program, and says what is wrong.
    pub(super) async fn fetch(&self) -> Result<Credential, String> {
        match self {
            Origin::TokenFile(path) => {
                let (name, path) = (path.display(), path.clone());
                let read = tokio::task::spawn_blocking(move || token(&path)).await;
                let read = read.unwrap_or_else(|error| Err(error.to_string()));
                let authorization = read.map_err(|what| format!("token file {name}: {what}"))?;
                let renew_at = Some(Instant::now() + TOKEN_FILE_KEPT);
                Ok(Credential { authorization: Some(authorization), identity: None, renew_at })
            }
            Origin::Plugin(plugin) => plugin.run().await.and_then(credential),
        }
    }

    /// Whether what was got last is still used where nothing new is to be had. Some programs take a token
    /// file away once it was read; what a plugin gave has ended when it is asked again.
    pub(super) fn outlives_failure(&self) -> bool {
        matches!(self, Origin::TokenFile(_))
    }
}

fn token(path: &Path) -> Result<HeaderValue, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    let token = text.trim();
    if token.is_empty() {
        return Err("is empty".to_owned());
    }
    bearer(token)
}

fn bearer(token: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    let mut value = value.map_err(|_| "the token has characters that no token has".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

fn credential(given: Given) -> Result<Credential, String> {
    let authorization = given.token.as_deref().map(bearer).transpose()?;
    let left = |end: Timestamp| Duration::try_from(end.duration_since(Timestamp::now()));
    let left = given.expires.map(|end| left(end).unwrap_or_default().saturating_sub(LEEWAY));
    let renew_at = left.and_then(|left| Instant::now().checked_add(left));
    Ok(Credential { authorization, identity: given.identity, renew_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(credential: &Credential) -> &str {
        credential.authorization.as_ref().unwrap().to_str().unwrap()
    }

    #[tokio::test]
    async fn a_token_file_is_read_without_the_end_of_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let origin = Origin::TokenFile(folder.path().join("token"));
        let rows =
            [("t0k\n", Ok("Bearer t0k")), ("\n", Err("is empty")), ("a\nb", Err("characters"))];
        for (text, want) in rows {
            std::fs::write(folder.path().join("token"), text).unwrap();
            match (origin.fetch().await, want) {
                (Ok(got), Ok(want)) => assert_eq!(header(&got), want),
                (Err(got), Err(want)) => {
                    assert!(got.contains("/token: ") && got.contains(want), "{got}");
                }
                (got, want) => panic!("{text:?}: {got:?}, not {want:?}"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_is_renewed_before_it_ends() {
        let given = |expires| Given { token: Some("t".into()), identity: None, expires };
        assert_eq!(credential(given(None)).unwrap().renew_at, None);
        let past = credential(given(Some(Timestamp::UNIX_EPOCH))).unwrap().renew_at;
        assert_eq!(past, Some(Instant::now()));
        let end = Timestamp::now() + jiff::SignedDuration::from_hours(1);
        let renew_at = credential(given(Some(end))).unwrap().renew_at.unwrap();
        let left = renew_at - Instant::now();
        assert!(left < Duration::from_hours(1) && left > Duration::from_mins(50), "{left:?}");
    }
}
