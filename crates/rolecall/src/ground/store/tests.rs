use super::testing::{columns, run_here};
use super::{Backend, Error, Store};
use crate::config::StoreAddress;
use crate::ground::access::{
    Actor, Allowed, CreateProject, FinishWork, Organization, OrganizationRole, Prepare, Proof, RenameProject,
    System,
};
use crate::ground::access::{Installation, Refusal, find_project};
use crate::testing::{World, unrecorded};
use crate::{look, meddle, sql, transaction};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// The actor behind a client's token.
async fn actor(world: &World, token: &str) -> Actor {
    world.app.gate.by_token(token, None, Ipv4Addr::LOCALHOST.into(), "").await.unwrap()
}

fn default_organization() -> Organization {
    Organization { id: "default".to_owned(), name: "Default".to_owned() }
}

async fn write(store: &Store, proof: &dyn Proof, name: &str) -> Result<(), Error> {
    transaction!(store, proof, |tx| sql!(exec tx, "INSERT INTO setting (name, value) VALUES ($1, '1')", name)
        .map(drop))
}

/// How many rows [`write`] has left.
async fn written(world: &World) -> i64 {
    look!(world, (i64,), "SELECT COUNT(*) FROM setting")[0].0
}

fn address(world: &World) -> StoreAddress {
    world.app.config.store.clone()
}

async fn open_again(world: &World) -> Result<Store, Error> {
    Store::open(&address(world), world.app.clock.clone(), world.app.dice.clone()).await
}

#[tokio::test]
async fn both_stores_have_the_same_tables() {
    let world = World::new().await;
    let mut text = String::new();
    for (table, column, kind, is_required) in columns(&world.app.store).await {
        let required = if is_required { " required" } else { "" };
        writeln!(text, "{table}.{column} {kind}{required}").unwrap();
    }
    crate::testing::must_be_committed("crates/rolecall/src/ground/store/schema.txt", &text);
    world.stop().await;
}

#[tokio::test]
async fn bringing_a_store_up_to_date_twice_does_nothing_the_second_time() {
    let world = World::new().await;
    let applied = async || {
        look!(world, (i64, String, i64), "SELECT number, name, applied_at FROM migration ORDER BY number")
    };
    let before = applied().await;
    world.hands.pass(std::time::Duration::from_secs(5));
    open_again(&world).await.unwrap().close().await;
    assert_eq!(applied().await, before);
    assert!(before.iter().zip(1..).all(|((number, ..), expected)| *number == expected), "{before:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_in_one_sentence() {
    let world = World::new().await;
    meddle!(world, "INSERT INTO migration (number, name, applied_at) VALUES (999, 'to come', 0)");
    let Err(error) = open_again(&world).await else { panic!("it was opened") };
    let known = look!(world, (i64,), "SELECT MAX(number) FROM migration WHERE number < 999")[0].0;
    assert_eq!(
        error.to_string(),
        format!(
            "this store was written by a newer Rolecall (migration 999, this one knows {known}): start that version or a later one"
        )
    );
    world.stop().await;
}

#[tokio::test]
async fn nodes_that_start_at_once_bring_the_store_up_to_date_once() {
    let world = World::new().await;
    let opened = futures_util::future::join_all((0..4).map(|_| open_again(&world))).await;
    for store in opened {
        store.unwrap().close().await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_right_withdrawn_between_check_and_write_writes_nothing() {
    let world = World::new().await;
    world.project("default", "acme-prod").await;
    let client = world.account("bob", Some(OrganizationRole::Admin), None).await;
    let actor = actor(&world, client.token()).await;
    let project =
        find_project(&mut world.app.store.reader().await.unwrap(), "acme-prod").await.unwrap().unwrap();
    let rename: Allowed<RenameProject> = actor.allow(project).unwrap();
    let create: Allowed<CreateProject> = actor.allow(default_organization()).unwrap();
    write(&world.app.store, &rename, "one").await.unwrap();
    meddle!(world, "UPDATE organization_member SET role = 'editor' WHERE role = 'admin'");
    let refused = write(&world.app.store, &create, "two").await;
    assert!(matches!(refused, Err(Error::Withdrawn(Refusal::TooLow { .. }))), "{refused:?}");
    let refused = write(&world.app.store, &rename, "three").await;
    assert!(matches!(refused, Err(Error::Withdrawn(Refusal::Unknown))), "{refused:?}");
    assert_eq!(written(&world).await, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_token_an_account_or_a_thing_that_is_gone_writes_nothing() {
    let world = World::new().await;
    world.project("default", "acme-prod").await;
    for (number, withdrawal) in
        ["DELETE FROM token", "UPDATE account SET disabled = TRUE WHERE id <> 'admin'", "DELETE FROM service"]
            .into_iter()
            .enumerate()
    {
        let client = world.account(&format!("bob_{number}"), Some(OrganizationRole::Admin), None).await;
        let actor = actor(&world, client.token()).await;
        let project =
            find_project(&mut world.app.store.reader().await.unwrap(), "acme-prod").await.unwrap().unwrap();
        let rename: Allowed<RenameProject> = actor.allow(project).unwrap();
        meddle!(world, withdrawal);
        if withdrawal.ends_with("service") {
            meddle!(world, "DELETE FROM project");
        }
        let refused = write(&world.app.store, &rename, "any").await;
        assert!(matches!(refused, Err(Error::Withdrawn(Refusal::Unknown))), "{withdrawal}: {refused:?}");
    }
    assert_eq!(written(&world).await, 0);
    world.stop().await;
}

#[tokio::test]
async fn work_that_fails_leaves_nothing_behind() {
    let world = World::new().await;
    let proof = System::<Prepare>::on(&Installation);
    let pending = look!(world, (i64,), "SELECT COUNT(*) FROM audit_pending");
    let failed: Result<(), Error> = transaction!(world.app.store, &proof, |tx| {
        sql!(exec tx, "INSERT INTO setting (name, value) VALUES ('one', '1')")?;
        Err(Error::Taken)
    });
    assert!(matches!(failed, Err(Error::Taken)));
    assert_eq!(written(&world).await, 0);
    assert_eq!(look!(world, (i64,), "SELECT COUNT(*) FROM audit_pending"), pending);
    world.stop().await;
}

#[tokio::test]
async fn a_key_that_is_taken_is_told_from_other_failures() {
    let world = World::new().await;
    write(&world.app.store, &unrecorded(), "one").await.unwrap();
    assert!(matches!(write(&world.app.store, &unrecorded(), "one").await, Err(Error::Taken)));
    let wrong: Result<(), Error> =
        transaction!(world.app.store, &unrecorded(), |tx| sql!(exec tx, "UPDATE nowhere SET a = 1")
            .map(drop));
    assert!(matches!(wrong, Err(Error::Driver(_))), "{wrong:?}");
    world.stop().await;
}

#[tokio::test]
async fn thirty_two_writers_at_once_all_succeed() {
    let world = World::new().await;
    write(&world.app.store, &unrecorded(), "0").await.unwrap();
    let writers = (0..32).map(|_| {
        let store = world.app.store.clone();
        tokio::spawn(async move {
            let proof = System::<FinishWork>::on(&Installation);
            let done: Result<(), Error> = transaction!(store, &proof, |tx| {
                let (value,) = sql!(one tx, (String,), "SELECT value FROM setting WHERE name = '0'")?;
                let next = (value.parse::<i64>().unwrap() + 1).to_string();
                sql!(exec tx, "UPDATE setting SET value = $1 WHERE name = '0'", next.as_str()).map(drop)
            });
            done
        })
    });
    let lost = futures_util::future::join_all(writers)
        .await
        .into_iter()
        .filter(|done| done.as_ref().unwrap().is_err());
    let lost = i64::try_from(lost.count()).unwrap();
    let (value,) = look!(world, (String,), "SELECT value FROM setting WHERE name = '0'").remove(0);
    assert_eq!(value.parse::<i64>().unwrap() + lost, 33);
    // On PostgreSQL one that loses a dozen races is told so; it has written nothing.
    assert!(lost == 0 || world.app.store.backend() == Backend::Postgres, "{lost}");
    world.stop().await;
}

#[tokio::test]
async fn two_writers_of_one_row_both_succeed_although_one_loses_a_race() {
    let world = World::new().await;
    write(&world.app.store, &unrecorded(), "0").await.unwrap();
    let meeting = tokio::sync::Barrier::new(2);
    let runs = std::sync::atomic::AtomicU32::new(0);
    let change = async || -> Result<(), Error> {
        transaction!(world.app.store, &unrecorded(), |tx| {
            let (value,) = sql!(one tx, (String,), "SELECT value FROM setting WHERE name = '0'")?;
            // Both have read before either writes: one of them must be run again. (SQLite lets one in at a time.)
            if runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2
                && world.app.store.backend() == Backend::Postgres
            {
                meeting.wait().await;
            }
            let next = (value.parse::<i64>().unwrap() + 1).to_string();
            sql!(exec tx, "UPDATE setting SET value = $1 WHERE name = '0'", next.as_str()).map(drop)
        })
    };
    let (one, other) = futures_util::future::join(change(), change()).await;
    one.unwrap();
    other.unwrap();
    assert_eq!(look!(world, (String,), "SELECT value FROM setting WHERE name = '0'"), [("3".to_owned(),)]);
    let expected = if world.app.store.backend() == Backend::Postgres { 3 } else { 2 };
    assert_eq!(runs.into_inner(), expected);
    world.stop().await;
}

#[tokio::test]
async fn an_invariant_over_two_rows_holds_when_two_writers_break_it_at_once() {
    let world = World::new().await;
    write(&world.app.store, &unrecorded(), "a").await.unwrap();
    write(&world.app.store, &unrecorded(), "b").await.unwrap();
    // One of the two has to stay; each writer sees both, and takes another one away.
    let take = async |name: &str| -> Result<(), Error> {
        transaction!(world.app.store, &unrecorded(), |tx| {
            let (count,) = sql!(one tx, (i64,), "SELECT COUNT(*) FROM setting")?;
            if count < 2 {
                return Err(Error::Taken);
            }
            sql!(exec tx, "DELETE FROM setting WHERE name = $1", name).map(drop)
        })
    };
    let (one, other) = futures_util::future::join(take("a"), take("b")).await;
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert_eq!(written(&world).await, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_nul_is_refused_before_it_is_sent() {
    let world = World::new().await;
    let nul = "a\0b".to_owned();
    let store = &world.app.store;
    assert!(matches!(write(store, &unrecorded(), &nul).await, Err(Error::Nul)));
    let optional: Result<u64, Error> = transaction!(
        store,
        &unrecorded(),
        |tx| sql!(exec tx, "UPDATE setting SET value = $1 WHERE name = $2", Some(nul.as_str()), "a")
    );
    assert!(matches!(optional, Err(Error::Nul)));
    let mut tx = store.reader().await.unwrap();
    for found in [
        sql!(maybe tx, (String,), "SELECT value FROM setting WHERE name = $1", nul.clone()),
        sql!(maybe tx, (String,), "SELECT value FROM setting WHERE name = $1", &nul),
        sql!(maybe tx, (String,), "SELECT value FROM setting WHERE name = $1", Some(nul.clone())),
    ] {
        assert!(matches!(found, Err(Error::Nul)), "{found:?}");
    }
    // Bytes may hold what they like.
    let bytes = sql!(maybe tx, (i64,), "SELECT expires_at FROM token WHERE hash = $1", [0_u8, 1].as_slice());
    assert!(matches!(bytes, Ok(None)));
    assert_eq!(written(&world).await, 0);
    drop(tx);
    world.stop().await;
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let world = World::new().await;
    let refused = run_here(&mut world.app.store.reader().await.unwrap(), "DELETE FROM account").await;
    assert!(refused.is_err());
    assert_eq!(look!(world, (i64,), "SELECT COUNT(*) FROM account"), [(2,)]);
    world.stop().await;
}
