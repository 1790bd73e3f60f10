//! What a plugin says of a node. Text is made only when someone reads it.

/// Status codes, named as upstream's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The node will do.
    #[default]
    Success,
    /// The node will not do as it is; evicting pods may help.
    Unschedulable,
    /// The node will not do, and evicting pods does not help.
    UnschedulableAndUnresolvable,
    /// Nothing can be said of the node, which ends the attempt.
    Error,
    /// At PreFilter, Reserve and Permit: the pod waits for something outside the cluster, and is tried again
    /// without a backoff once a change tells its plugin that it is there.
    Pending,
    /// At PreFilter, PreScore and Bind: there is nothing to do for the pod.
    Skip,
    /// At Permit: the pod waits.
    Wait,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::Unschedulable,
        Self::UnschedulableAndUnresolvable,
        Self::Error,
        Self::Pending,
        Self::Skip,
        Self::Wait,
    ];

    /// The name upstream prints.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Unschedulable => "Unschedulable",
            Self::UnschedulableAndUnresolvable => "UnschedulableAndUnresolvable",
            Self::Error => "Error",
            Self::Pending => "Pending",
            Self::Skip => "Skip",
            Self::Wait => "Wait",
        }
    }
}

/// One plugin's word on one node, in eight bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verdict {
    /// Which reasons, in the plugin's own terms; its eval turns them into text.
    pub detail: u32,
    /// Position of the plugin in its profile.
    pub plugin: u16,
    /// The code.
    pub code: Code,
}

impl Verdict {
    /// The node will do.
    pub const PASS: Self = Self { detail: 0, plugin: 0, code: Code::Success };

    /// A rejection by the plugin at `plugin`.
    #[must_use]
    pub const fn reject(plugin: u16, code: Code, detail: u32) -> Self {
        Self { detail, plugin, code }
    }

    /// Whether the node will do.
    #[must_use]
    #[inline]
    pub const fn is_pass(self) -> bool {
        matches!(self.code, Code::Success)
    }
}
