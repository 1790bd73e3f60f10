//! [`Phase`]: the phase of a pod.

/// `status.phase`, in the order in which controllers give pods up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    #[default]
    Pending,
    Unknown,
    Running,
    Succeeded,
    Failed,
}

impl Phase {
    /// Reads it. What is none of them counts as the first one.
    pub(super) fn read(text: Option<&str>) -> Self {
        match text {
            Some("Running") => Self::Running,
            Some("Succeeded") => Self::Succeeded,
            Some("Failed") => Self::Failed,
            Some("Unknown") => Self::Unknown,
            _ => Self::Pending,
        }
    }

    /// Its containers have ended for good.
    pub(super) fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}
