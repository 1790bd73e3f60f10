//! A whole cluster in one process: the embedded API server, pretend kubelets, small controllers and the
//! scheduler, fed with manifests or a dump. Called by `cli`.

mod documents;
mod manifests;

pub use manifests::{ManifestError, Source};
