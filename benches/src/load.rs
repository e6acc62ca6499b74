//! A token-checked `GET /api/v1/me` beside an empty axum route, under the same load.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use axum::{Router, routing::get};
use futures_util::future::try_join_all;
use tokio::net::TcpListener;

use crate::{
    ROUNDS,
    cpu::Used,
    http::Connection,
    report::{Rate, Report},
    rolecall::{Rolecall, free_port},
};

/// The argument with which this program is the other server.
pub(crate) const EMPTY_ROUTE: &str = "empty-route";
const CONNECTIONS: usize = 16;
const REQUESTS: u32 = 2_000;

pub(crate) async fn measure(rolecall: &Rolecall, report: &mut Report) -> Result<()> {
    let empty = EmptyRoute::start().await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first turn of each warms up and is not counted.
    for round in 0..=ROUNDS {
        let me = load(rolecall.port, &rolecall.authorization(), "/api/v1/me", || rolecall.used()).await?;
        let nothing = load(empty.port, "", "/", || Used::by(empty.server.id())).await?;
        if round > 0 {
            ours.push(me);
            theirs.push(nothing);
        }
    }
    let (ours, theirs) = (Rate::median(&ours), Rate::median(&theirs));
    report.compare("GET /me with a token", ours, "empty axum route", theirs, 0.7);
    report.limit("GET /me, processor time", ours.own.as_secs_f64() * 1e6, 60.0, "µs");
    Ok(())
}

async fn load(port: u16, header: &str, path: &str, used: impl Fn() -> Used) -> Result<Rate> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(port, header).await?);
    }
    let (begin, before) = (Instant::now(), used());
    let tasks = connections.into_iter().map(|connection| tokio::spawn(repeat(connection, path.to_owned())));
    for done in try_join_all(tasks).await? {
        done?;
    }
    let count = REQUESTS * u32::try_from(CONNECTIONS)?;
    Ok(Rate::of(count, begin.elapsed(), before, used()))
}

async fn repeat(mut connection: Connection, path: String) -> Result<()> {
    for _ in 0..REQUESTS {
        let answer = connection.send("GET", &path, None).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
    }
    Ok(())
}

/// In a process of its own, so that its processor time can be told from the load's.
struct EmptyRoute {
    server: Child,
    port: u16,
}

impl EmptyRoute {
    async fn start() -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(EMPTY_ROUTE).arg(port.to_string()).stdin(Stdio::null());
        let empty = Self { server: command.spawn()?, port };
        let begin = Instant::now();
        while Connection::open(port, "").await.is_err() {
            ensure!(begin.elapsed() < Duration::from_secs(10), "the empty route does not become ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(empty)
    }
}

impl Drop for EmptyRoute {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

pub(crate) async fn serve_empty_route() -> Result<()> {
    let port: u16 = std::env::args().nth(2).context("usage: bench empty-route PORT")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, Router::new().route("/", get(async || ""))).await?)
}
