//! Leader election: of several berths with the same Lease one leads and writes, the others stand by.
//! `runtime` starts a [`Candidacy`]; what it has come to is in [`Standing`], which the writer asks before
//! every request.
//!
//! The crates that there are do not fit: those that are kept up with `kube` compare the time in the Lease with
//! their own wall clock, write without naming the version that they replace, or say that they lead when their
//! lease has run out unseen. The rules here are client-go's.

mod candidacy;
mod elector;
mod lock;
#[cfg(test)]
mod simulation;
mod standing;

pub use candidacy::{Candidacy, LeaderElection, identity};
pub use elector::Times;
pub use standing::{Role, Standing};
