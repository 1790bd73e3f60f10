//! [`Trouble`]: why a watch cannot go on, what a person can do about it, and what the watch does next.

use crate::units::Nanos;

use super::api::Problem;
use super::lines::{Cut, SILENCE_MAX};

/// What an API server says where a version is newer than any that it knows: it was restored from a copy.
const FROM_THE_FUTURE: &str = "Too large resource version";

/// What to do where somebody else answers.
const NO_API_SERVER: &str =
    "the address is not that of a Kubernetes API server: check the kubeconfig";

/// Why a watch cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A list, or the start of a watch, did not succeed.
    Problem(Problem),
    /// The API server ended the watch with an error.
    Ended {
        /// Its HTTP status code.
        code: u16,
        /// Its words.
        message: String,
    },
    /// What came cannot be read, so something is lost.
    Garbage(String),
    /// A watch ended, with these words, soon after it had begun, and had said nothing.
    Short(String),
}

impl Trouble {
    pub(super) fn cut(cut: Cut) -> Self {
        match cut {
            Cut::Broken(text) => Trouble::Problem(Problem::Silence(text)),
            Cut::Silent => {
                let seconds = SILENCE_MAX.as_secs();
                Trouble::Problem(Problem::Silence(format!("nothing came for {seconds} s")))
            }
            Cut::TooLong => Trouble::Garbage("the answer has no end".to_owned()),
        }
    }

    /// The HTTP status code; zero where there was none.
    fn code(&self) -> u16 {
        match self {
            Trouble::Problem(problem) => problem.status(),
            Trouble::Ended { code, .. } => *code,
            Trouble::Garbage(_) | Trouble::Short(_) => 0,
        }
    }

    fn is_from_api(&self) -> bool {
        match self {
            Trouble::Problem(Problem::Refusal(refusal)) => refusal.from_api,
            _ => true,
        }
    }

    /// Whether the version is too old, which is routine.
    pub(super) fn is_expired(&self) -> bool {
        self.code() == 410
    }

    /// Whether a watch that had this has to list again: going on from its version would not help, or would
    /// pass over what is lost.
    ///
    /// Upstream: cache.Reflector lists again after all but refused connections and 429, v1.37.
    pub(super) fn must_list(&self) -> bool {
        match self {
            Trouble::Garbage(_) | Trouble::Ended { .. } => true,
            Trouble::Problem(Problem::Silence(_)) | Trouble::Short(_) => false,
            Trouble::Problem(problem) => match problem.status() {
                401 | 403 | 404 | 429 | 502 | 503 => false,
                500 => problem.to_string().contains(FROM_THE_FUTURE),
                _ => true,
            },
        }
    }

    /// How long the API server asks to wait, if it does.
    pub(super) fn retry_after(&self) -> Option<Nanos> {
        match self {
            Trouble::Problem(problem) => problem.retry_after(),
            Trouble::Ended { .. } | Trouble::Garbage(_) | Trouble::Short(_) => None,
        }
    }

    /// What tells it from other troubles that deserve a line of their own. A missing right is one a kind;
    /// everything else befalls all watches alike.
    pub(super) fn key(&self, plural: &str) -> String {
        match self.code() {
            403 => format!("403 {plural}"),
            0 => self.advice(plural),
            code => code.to_string(),
        }
    }

    /// What happened.
    pub(super) fn text(&self) -> String {
        match self {
            Trouble::Problem(Problem::Silence(text)) => text.clone(),
            Trouble::Problem(problem @ Problem::Refusal(refusal)) if refusal.from_api => {
                format!("{} {problem}", refusal.status)
            }
            // The code is in its text.
            Trouble::Problem(problem) => problem.to_string(),
            Trouble::Ended { code, message } => format!("{code} {message}"),
            Trouble::Short(text) => format!("it ended at once: {text}"),
            Trouble::Garbage(text) => format!("what came cannot be read: {text}"),
        }
    }

    /// What to do about it.
    pub(super) fn advice(&self, plural: &str) -> String {
        if let Trouble::Garbage(_) = self {
            return "listing again; check that the address is that of a Kubernetes API server and \
                    what lies between"
                .to_owned();
        }
        let advice = match self.code() {
            400..500 if !self.is_from_api() => NO_API_SERVER,
            401 => {
                "the API server does not know berth's credentials: check the user of the \
                 kubeconfig or the service account's token"
            }
            403 => {
                return format!(
                    "berth needs the verbs list and watch on {plural} in a ClusterRole"
                );
            }
            404 => NO_API_SERVER,
            429 => "the API server asks for patience; trying again",
            0 if self.text().contains("certificate") => {
                "the API server's certificate is not trusted: check the certificate-authority of \
                 the kubeconfig and the name in the address"
            }
            0 => "trying again; check the address and that the API server can be reached",
            _ => "trying again; the API server's log says more",
        };
        advice.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::api::Refusal;

    fn refused(status: u16, message: &str) -> Trouble {
        let message = message.to_owned();
        let refusal = Refusal { status, message, retry_after: None, from_api: true };
        Trouble::Problem(Problem::Refusal(refusal))
    }

    #[test]
    fn errors_say_what_to_do() {
        let silence = |text: &str| Trouble::Problem(Problem::Silence(text.to_owned()));
        let rows = [
            (refused(401, "words"), "does not know berth's credentials"),
            (refused(403, "words"), "needs the verbs list and watch on nodes in a ClusterRole"),
            (refused(404, "words"), "not that of a Kubernetes API server"),
            (refused(500, "words"), "trying again"),
            (silence("Connection refused"), "check the address"),
            (silence("invalid peer certificate: UnknownIssuer"), "certificate-authority"),
            (Trouble::Garbage("EOF".to_owned()), "listing again"),
        ];
        for (trouble, want) in rows {
            assert!(trouble.advice("nodes").contains(want), "{trouble:?}");
        }
        assert_eq!(refused(500, "words").text(), "500 words");
    }

    #[test]
    fn a_watch_lists_again_where_going_on_would_not_help() {
        let ended = |code| Trouble::Ended { code, message: "words".to_owned() };
        let rows = [
            (refused(410, "too old resource version"), true),
            (refused(400, "invalid resource version"), true),
            (refused(500, "Too large resource version: 9, current: 5"), true),
            (refused(504, "Timeout: Too large resource version: 9, current: 5"), true),
            (refused(500, "etcdserver: leader changed"), false),
            (refused(429, "slow down"), false),
            (refused(503, "starting"), false),
            (refused(401, "Unauthorized"), false),
            (ended(410), true),
            (ended(500), true),
            (Trouble::cut(Cut::Silent), false),
            (Trouble::cut(Cut::Broken("reset".to_owned())), false),
            (Trouble::cut(Cut::TooLong), true),
        ];
        for (trouble, want) in rows {
            assert_eq!(trouble.must_list(), want, "{trouble:?}");
        }
    }
}
