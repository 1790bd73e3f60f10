//! Upstream's defaults, filled into what a file says. Called by `config`, between `v1` and `validate`.

use super::v1::{File, ProfileFields};

/// The name of the only profile of a file that gives none.
pub(super) const SCHEDULER_NAME: &str = "default-scheduler";
/// Requests a second where none or zero is given.
pub(super) const QPS: f64 = 50.0;
/// Requests at once where none or zero is given.
pub(super) const BURST: u32 = 100;

/// Fills in what was not given.
pub(super) fn fill(file: &mut File) {
    if file.profiles.is_empty() {
        file.profiles.push(ProfileFields::default());
    }
    // Several profiles must be told apart, so only one alone gets a name.
    if let [profile] = file.profiles.as_mut_slice() {
        profile.scheduler_name.get_or_insert_with(|| SCHEDULER_NAME.to_owned());
    }
}
