//! [`Conditions`]: those of a status while a controller changes them.

use serde_json::{Value, json};

use crate::units::Nanos;

use super::super::clock::seconds_text;
use super::plan::condition;

/// See the module.
pub(super) struct Conditions {
    all: Value,
    /// The kind's own name for the time of the last look at a condition.
    looked: &'static str,
    pub(super) now: Nanos,
}

impl Conditions {
    /// The `known` ones. `looked` is where the kind keeps the time of the last look at one, such as
    /// `lastUpdateTime`.
    pub(super) fn of(known: &Value, looked: &'static str, now: Nanos) -> Self {
        let all = if known.is_array() { known.clone() } else { json!([]) };
        Self { all, looked, now }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        condition(&self.all, name)
    }

    pub(super) fn is(&self, name: &str, status: &str) -> bool {
        self.get(name).is_some_and(|known| known["status"] == status)
    }

    /// Sets one, unless it has that status for that reason already.
    pub(super) fn set(&mut self, name: &str, status: &str, reason: &str, message: &str) {
        let says = |known: &Value| known["status"] == status && known["reason"] == reason;
        if !self.get(name).is_some_and(says) {
            self.touch(name, status, reason, message);
        }
    }

    /// Sets one, unless it has that status already, for whatever reason; says whether it had not.
    pub(super) fn turn(&mut self, name: &str, status: &str, reason: &str, message: &str) -> bool {
        let turns = !self.is(name, status);
        if turns {
            self.touch(name, status, reason, message);
        }
        turns
    }

    /// Sets one, and says that it was looked at now.
    pub(super) fn touch(&mut self, name: &str, status: &str, reason: &str, message: &str) {
        let now = seconds_text(self.now);
        let known = self.get(name).filter(|known| known["status"] == status);
        let since = known.map_or_else(|| json!(now), |known| known["lastTransitionTime"].clone());
        let mut condition = json!({
            "type": name, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": since,
        });
        condition[self.looked] = json!(now);
        if let Some(all) = self.all.as_array_mut() {
            all.retain(|known| known["type"] != name);
            all.push(condition);
        }
    }

    /// As a status has them: none is a field that is not there.
    pub(super) fn value(self) -> Value {
        if self.all == json!([]) { Value::Null } else { self.all }
    }
}
