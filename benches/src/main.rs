//! Measures Rolecall beside what it stands on: `bench PATH-OF-ROLECALL`.
//!
//! Every figure is the median of five rounds, and what is compared takes turns within a round. On a noisy machine
//! the processor time per operation is the figure that holds.

mod cpu;
mod http;
mod load;
mod openbao;
mod psql;
mod report;
mod rolecall;
mod sign_in;
mod start;
mod users;

use anyhow::{Context, Result};

use crate::{report::Report, rolecall::Rolecall};

const ROUNDS: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let argument = std::env::args().nth(1).context("usage: bench PATH-OF-ROLECALL")?;
    if argument == load::EMPTY_ROUTE {
        return load::serve_empty_route().await;
    }
    let mut report = Report::default();
    let rolecall = start::measure(&argument, &mut report).await?;
    measure(&rolecall, &mut report).await?;
    println!("{report}");
    Ok(())
}

async fn measure(rolecall: &Rolecall, report: &mut Report) -> Result<()> {
    load::measure(rolecall, report).await?;
    sign_in::measure(rolecall, report).await?;
    users::measure(rolecall, report).await
}
