//! How long a start takes, and how much memory Rolecall needs while nothing happens.

use anyhow::Result;

use crate::{
    ROUNDS, cpu,
    report::{Report, median},
    rolecall::Rolecall,
};

pub(crate) async fn measure(program: &str, report: &mut Report) -> Result<Rolecall> {
    let mut rolecall = Rolecall::start(program).await?;
    let (mut milliseconds, mut megabytes) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        milliseconds.push(rolecall.restart().await?.as_secs_f64() * 1e3);
        let kilobytes = u32::try_from(cpu::resident_kilobytes(rolecall.id()))?;
        megabytes.push(f64::from(kilobytes) / 1024.0);
    }
    report.limit("start to the first signed-in answer", median(milliseconds.into_iter()), 300.0, "ms");
    report.limit("memory, idle, without services", median(megabytes.into_iter()), 30.0, "MB");
    Ok(rolecall)
}
