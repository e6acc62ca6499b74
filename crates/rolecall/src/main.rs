//! The program: server and client in one.

use std::process::ExitCode;

/// Memory stays flat under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The first caller decides for the whole process, and here is before all others.
    drop(rustls::crypto::ring::default_provider().install_default());
    rolecall::cli::run(std::env::args_os())
}
