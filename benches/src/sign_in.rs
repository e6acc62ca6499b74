//! Sign-ins beside the bare password hash.

use std::{thread, time::Instant};

use anyhow::{Context, Result, anyhow};
use argon2::{Algorithm, Argon2, Params, Version};
use futures_util::future::try_join_all;

use crate::{
    ROUNDS,
    cpu::Used,
    http::Connection,
    report::{Rate, Report},
    rolecall::{Rolecall, sign_in},
};

const CLIENTS: u32 = 4;
const EACH: u32 = 10;

pub(crate) async fn measure(rolecall: &Rolecall, report: &mut Report) -> Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(sign_ins(rolecall).await?);
        theirs.push(tokio::task::spawn_blocking(hashes).await??);
    }
    report.compare("sign-ins", Rate::median(&ours), "argon2id", Rate::median(&theirs), 0.9);
    Ok(())
}

async fn sign_ins(rolecall: &Rolecall) -> Result<Rate> {
    let (begin, before) = (Instant::now(), rolecall.used());
    try_join_all((0..CLIENTS).map(async |_| {
        let mut nobody = Connection::open(rolecall.port, "").await?;
        for _ in 0..EACH {
            sign_in(&mut nobody).await?;
        }
        anyhow::Ok(())
    }))
    .await?;
    Ok(Rate::of(CLIENTS * EACH, begin.elapsed(), before, rolecall.used()))
}

/// As many at once as there are cores, with Rolecall's parameters.
fn hashes() -> Result<Rate> {
    let threads = u32::try_from(thread::available_parallelism()?.get())?;
    let each = CLIENTS * EACH / threads;
    let begin = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(move || hash(each))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a hash failed"))?)
    })?;
    let took = begin.elapsed();
    // A hash is nothing but processor time; the threads are ours, so there is no process to ask.
    let used = Used { own: took * threads, ..Used::default() };
    Ok(Rate::of(each * threads, took, Used::default(), used))
}

fn hash(times: u32) -> Result<()> {
    let parameters = Params::new(19 * 1024, 2, 1, None).ok().context("argon2id's parameters")?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    for _ in 0..times {
        let mut output = [0; 32];
        argon2
            .hash_password_into(b"measured-by-the-bench-1", b"sixteen bytes...", &mut output)
            .ok()
            .context("argon2id")?;
    }
    Ok(())
}
