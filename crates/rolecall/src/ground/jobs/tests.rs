use super::{Job, Outcome, Work, Worker, enqueue, withdraw};
use crate::ground::store::{Backend, Error};
use crate::testing::{World, unrecorded, until};
use crate::{look, transaction};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

/// A worker at work, and what it has done.
struct Shop {
    done: Arc<Mutex<Vec<String>>>,
    wake: Arc<Notify>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Shop {
    /// Opens with one kind of work, which is noted before it is done.
    fn open<F, R>(world: &World, work: F) -> Self
    where
        F: Fn(Job, usize) -> R + Send + Sync + 'static,
        R: Future<Output = Outcome> + Send + 'static,
    {
        let done: Arc<Mutex<Vec<String>>> = Arc::default();
        let notes = Arc::clone(&done);
        let work: Work = Arc::new(move |job| {
            let mut notes = notes.lock().unwrap();
            notes.push(job.subject.clone());
            let times = notes.iter().filter(|subject| **subject == job.subject).count();
            Box::pin(work(job, times))
        });
        let wake = Arc::new(Notify::new());
        let worker = Worker::new(world.app.store.clone(), HashMap::from([("work", work)]), Arc::clone(&wake));
        let (stop, stopped) = watch::channel(false);
        Self { done, wake, stop, task: tokio::spawn(worker.run(stopped)) }
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    fn times(&self, subject: &str) -> usize {
        self.done().iter().filter(|done| *done == subject).count()
    }

    async fn until_done(&self, subject: &str, times: usize) {
        until(&format!("{subject} was worked on {times} times"), async || {
            self.wake.notify_one();
            self.times(subject) >= times
        })
        .await;
    }

    async fn close(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

async fn ask(world: &World, subject: &str, after: Duration) {
    let (key, now) = (world.app.dice.uuid(), world.app.clock.now());
    let asked: Result<(), Error> = transaction!(world.app.store, &unrecorded(), |tx| {
        enqueue(tx, key, "work", subject, now.plus(after), now).await
    });
    asked.unwrap();
}

/// What waits: subject, attempts, seconds from now, why.
async fn waiting(world: &World) -> Vec<(String, i64, i64, Option<String>)> {
    let rows = look!(
        world,
        (String, i64, i64, Option<String>),
        "SELECT subject, attempts, run_at, last_error FROM job ORDER BY subject"
    );
    let now = world.app.clock.now().millis();
    rows.into_iter().map(|(subject, attempts, at, why)| (subject, attempts, (at - now) / 1000, why)).collect()
}

async fn until_waiting(world: &World, expected: &[(&str, i64, i64, Option<&str>)]) {
    let owned = |(subject, attempts, seconds, why): &(&str, i64, i64, Option<&str>)| {
        ((*subject).to_owned(), *attempts, *seconds, why.map(str::to_owned))
    };
    let expected: Vec<_> = expected.iter().map(owned).collect();
    until(&format!("this waits: {expected:?}"), async || {
        let free = look!(world, (i64,), "SELECT COUNT(*) FROM job WHERE holder IS NOT NULL");
        free == [(0,)] && waiting(world).await == expected
    })
    .await;
}

const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn work_that_is_done_is_gone() {
    let world = World::new().await;
    let shop = Shop::open(&world, |_, _| async { Outcome::Done });
    ask(&world, "a", NOW).await;
    shop.until_done("a", 1).await;
    until_waiting(&world, &[]).await;
    assert_eq!(shop.times("a"), 1);
    shop.close().await;
    world.stop().await;
}

#[tokio::test]
async fn work_asked_for_twice_is_done_once_and_at_the_sooner_time() {
    let world = World::new().await;
    ask(&world, "a", Duration::from_mins(1)).await;
    ask(&world, "a", Duration::from_secs(10)).await;
    ask(&world, "a", Duration::from_secs(30)).await;
    assert_eq!(waiting(&world).await, [("a".to_owned(), 0, 10, None)]);
    let shop = Shop::open(&world, |_, _| async { Outcome::Done });
    ask(&world, "b", NOW).await;
    shop.until_done("b", 1).await;
    assert_eq!(shop.times("a"), 0, "it was not due yet");
    world.hands.pass(Duration::from_secs(10));
    shop.until_done("a", 1).await;
    until_waiting(&world, &[]).await;
    assert_eq!(shop.times("a"), 1);
    shop.close().await;
    world.stop().await;
}

#[tokio::test]
async fn work_asked_for_while_it_is_under_way_is_done_once_more() {
    let world = World::new().await;
    let gate = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let shop = Shop::open(&world, move |_, _| {
        let waits = Arc::clone(&waits);
        async move {
            waits.acquire().await.unwrap().forget();
            Outcome::Done
        }
    });
    ask(&world, "a", NOW).await;
    shop.until_done("a", 1).await;
    ask(&world, "a", NOW).await;
    shop.until_done("a", 2).await;
    // The first one's end does not end the second.
    gate.add_permits(1);
    ask(&world, "b", NOW).await;
    gate.add_permits(1);
    shop.until_done("b", 1).await;
    gate.add_permits(1);
    until_waiting(&world, &[]).await;
    shop.close().await;
    world.stop().await;
}

#[tokio::test]
async fn work_that_fails_comes_again_later_and_later_and_says_why() {
    let world = World::new().await;
    let shop = Shop::open(&world, |_, _| async { Outcome::Failed("no luck".to_owned()) });
    ask(&world, "a", NOW).await;
    for (attempt, seconds) in
        [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 64), (7, 128), (8, 256), (9, 300), (10, 300)]
    {
        shop.until_done("a", usize::try_from(attempt).unwrap()).await;
        until_waiting(&world, &[("a", attempt, seconds, Some("no luck"))]).await;
        world.hands.pass(Duration::from_secs(u64::try_from(seconds).unwrap()));
    }
    shop.close().await;
    world.stop().await;
}

#[tokio::test]
async fn work_that_is_not_finished_comes_again_when_it_says_and_counts_as_good() {
    let world = World::new().await;
    let shop = Shop::open(&world, |_, times| async move {
        if times == 3 {
            Outcome::Failed("no luck".to_owned())
        } else {
            Outcome::Again(Duration::from_secs(7))
        }
    });
    ask(&world, "a", NOW).await;
    for times in 1..=2 {
        shop.until_done("a", times).await;
        until_waiting(&world, &[("a", 0, 7, None)]).await;
        world.hands.pass(Duration::from_secs(7));
    }
    shop.until_done("a", 3).await;
    until_waiting(&world, &[("a", 1, 2, Some("no luck"))]).await;
    shop.close().await;
    world.stop().await;
}

#[tokio::test]
async fn work_that_panics_or_that_nobody_knows_does_not_keep_the_rest_waiting() {
    let world = World::new().await;
    let shop = Shop::open(&world, |job, _| async move {
        assert!(!job.subject.starts_with("poison"), "as was to be expected");
        Outcome::Done
    });
    for number in 0..6 {
        ask(&world, &format!("poison-{number}"), NOW).await;
    }
    let (key, now) = (world.app.dice.uuid(), world.app.clock.now());
    let unknown: Result<(), Error> = transaction!(world.app.store, &unrecorded(), |tx| {
        enqueue(tx, key, "of tomorrow", "z", now, now).await
    });
    unknown.unwrap();
    ask(&world, "good", NOW).await;
    shop.until_done("good", 1).await;
    until("the poison was put off", async || {
        waiting(&world).await.iter().all(|(.., seconds, why)| *seconds == 2 && why.is_some())
    })
    .await;
    let left = waiting(&world).await;
    assert_eq!(left.len(), 7);
    assert_eq!(left[6].3.as_deref(), Some("this version knows no work called of tomorrow"));
    shop.close().await;
    world.stop().await;
}

#[tokio::test]
async fn work_whose_holder_is_gone_is_taken_over_when_the_hold_runs_out() {
    let world = World::new().await;
    let dead = Shop::open(&world, |_, _| std::future::pending());
    ask(&world, "a", NOW).await;
    dead.until_done("a", 1).await;
    dead.task.abort();
    let heir = Shop::open(&world, |_, _| async { Outcome::Done });
    ask(&world, "b", NOW).await;
    heir.until_done("b", 1).await;
    assert_eq!(heir.times("a"), 0, "it is held");
    world.hands.pass(Duration::from_secs(31));
    heir.until_done("a", 1).await;
    until_waiting(&world, &[]).await;
    heir.close().await;
    world.stop().await;
}

#[tokio::test]
async fn a_restart_frees_what_the_process_before_it_held() {
    let world = World::new().await;
    let dead = Shop::open(&world, |_, _| std::future::pending());
    ask(&world, "a", NOW).await;
    ask(&world, "later", Duration::from_mins(5)).await;
    dead.until_done("a", 1).await;
    dead.task.abort();
    let worker = Worker::new(world.app.store.clone(), HashMap::new(), Arc::new(Notify::new()));
    worker.recover().await.unwrap();
    let held = look!(world, (i64,), "SELECT COUNT(*) FROM job WHERE holder IS NOT NULL");
    let due = waiting(&world).await.iter().filter(|(_, _, seconds, _)| *seconds == 0).count();
    // On a shared store it may be another node that holds it.
    let expected = if world.app.store.backend() == Backend::Sqlite { (0, 2) } else { (1, 1) };
    assert_eq!((held[0].0, due), expected);
    world.stop().await;
}

#[tokio::test]
async fn work_taken_back_is_not_done() {
    let world = World::new().await;
    ask(&world, "a", NOW).await;
    let taken: Result<(), Error> =
        transaction!(world.app.store, &unrecorded(), |tx| withdraw(tx, "work", "a").await);
    taken.unwrap();
    let shop = Shop::open(&world, |_, _| async { Outcome::Done });
    ask(&world, "b", NOW).await;
    shop.until_done("b", 1).await;
    assert_eq!(shop.done(), ["b"]);
    shop.close().await;
    world.stop().await;
}

#[tokio::test]
async fn two_workers_do_each_piece_of_work_once() {
    let world = World::new().await;
    for number in 0..20 {
        ask(&world, &format!("a-{number:02}"), NOW).await;
    }
    let shops = [(); 2].map(|()| Shop::open(&world, |_, _| async { Outcome::Done }));
    until_waiting(&world, &[]).await;
    let mut done: Vec<_> = shops.iter().flat_map(Shop::done).collect();
    done.sort();
    assert_eq!(done, (0..20).map(|number| format!("a-{number:02}")).collect::<Vec<_>>());
    for shop in shops {
        shop.close().await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_what_it_has_begun() {
    let world = World::new().await;
    let gate = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let shop = Shop::open(&world, move |_, _| {
        let waits = Arc::clone(&waits);
        async move {
            waits.acquire().await.unwrap().forget();
            Outcome::Done
        }
    });
    ask(&world, "a", NOW).await;
    shop.until_done("a", 1).await;
    shop.stop.send(true).unwrap();
    assert_eq!(waiting(&world).await.len(), 1);
    gate.add_permits(1);
    shop.task.await.unwrap();
    assert_eq!(waiting(&world).await.len(), 0);
    world.stop().await;
}
