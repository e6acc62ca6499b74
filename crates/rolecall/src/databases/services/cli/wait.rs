//! Waiting for long work, with a sign of life at a terminal.

use super::show::Service;
use crate::ground::cli::{Context, Failure, Path, Progress, read};
use clap::Args;
use serde_json::Value;
use std::time::Duration;

const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

/// Whether to wait.
#[derive(Debug, Args)]
pub struct Patience {
    /// Do not wait until it is done
    #[arg(long)]
    no_wait: bool,
}

/// The service, once it is on its way to nowhere; a failure if that is not where it should be.
pub(super) async fn settled(
    context: &Context,
    mut answer: Value,
    patience: &Patience,
) -> Result<Value, Failure> {
    let progress = Progress::begin();
    loop {
        let service: Service = read(answer.clone())?;
        if patience.no_wait || !is_moving(&service) {
            drop(progress);
            return outcome(&service).map(|()| answer);
        }
        progress.say(&saying(&service));
        tokio::time::sleep(BETWEEN_LOOKS).await;
        answer = context.client.get(&super::at(context, &service.name)?).await?;
    }
}

/// Deletes a service; whether it is gone.
pub(super) async fn gone(
    context: &Context,
    path: &Path,
    name: &str,
    patience: &Patience,
) -> Result<bool, Failure> {
    let progress = Progress::begin();
    progress.say(&format!("{name}: deleting"));
    match context.client.delete(path).await {
        Ok(()) => return Ok(true),
        Err(failure) if failure.is("unfinished") => {}
        Err(failure) => return Err(failure),
    }
    if patience.no_wait {
        return Ok(false);
    }
    loop {
        match context.client.get::<Value>(path).await.and_then(read::<Service>) {
            Err(failure) if failure.is("not_found") => return Ok(true),
            Err(failure) => return Err(failure),
            Ok(service) if is_moving(&service) => progress.say(&saying(&service)),
            Ok(service) => return outcome(&service).map(|()| false),
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

fn is_moving(service: &Service) -> bool {
    ["creating", "starting", "stopping"].contains(&service.state.as_str())
}

fn saying(service: &Service) -> String {
    match &service.step {
        Some(step) => format!("{}: {}, {step}", service.name, service.state),
        None => format!("{}: {}", service.name, service.state),
    }
}

fn outcome(service: &Service) -> Result<(), Failure> {
    if !["failed", "unreachable"].contains(&service.state.as_str()) {
        return Ok(());
    }
    let why = service.failure.as_deref().unwrap_or("The server's log says why.");
    Err(Failure::failed(format!("Service \"{}\" is {}: {why}", service.name, service.state)))
}
