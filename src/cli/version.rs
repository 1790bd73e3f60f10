//! What berth calls itself on the command line.

/// The minor version of Kubernetes whose scheduling decisions berth makes.
pub const KUBERNETES_VERSION: &str = "v1.37";

/// What follows the name in `berth --version`.
pub(super) const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (Kubernetes scheduling v1.37)");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_agree() {
        assert!(VERSION.ends_with(&format!("(Kubernetes scheduling {KUBERNETES_VERSION})")));
    }
}
