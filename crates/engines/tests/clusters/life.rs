//! The life of a managed cluster, on every PostgreSQL that this machine has.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;

use super::support::*;
use engines::postgresql::cluster::{Authority, Cluster, ClusterError, Home, PATIENCE, Status, Step};

#[tokio::test]
async fn a_new_cluster_takes_signed_in_clients_over_tls_on_every_version() {
    for installation in versions() {
        let bench = Bench::new().await;
        let steps = Mutex::new(Vec::new());
        let began = Instant::now();
        let plan = planned("main", &installation);
        let cluster =
            Cluster::create(&bench.home, &plan, &|step| steps.lock().unwrap().push(step)).await.unwrap();
        eprintln!("{}: made in {:?}", installation.version, began.elapsed());
        let whole = [Step::Folder, Step::Initdb, Step::Certificate, Step::Settings, Step::Start, Step::Ready];
        assert_eq!(*steps.lock().unwrap(), whole);

        let (_, port) = running(&cluster).await;
        let client = over_tls(&bench.home, port).await.unwrap();
        let version = one(&client, "SELECT current_setting('server_version')").await;
        assert!(version.starts_with(&installation.version), "{version}");
        for (setting, value) in [
            ("wal_level", "logical"),
            ("password_encryption", "scram-sha-256"),
            ("data_checksums", "on"),
            ("ssl", "on"),
            ("ssl_min_protocol_version", "TLSv1.2"),
            ("server_encoding", "UTF8"),
            ("log_statement", "none"),
            ("max_slot_wal_keep_size", "4GB"),
            ("cluster_name", "main"),
        ] {
            let sql = format!("SELECT current_setting('{setting}')");
            assert_eq!(one(&client, &sql).await, value, "{setting}");
        }
        let encrypted = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert!(one(&client, encrypted).await.starts_with("TLS"));
        let stored = "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'";
        assert_eq!(one(&client, stored).await, plan.superuser_verifier);
        assert_eq!(one(&over_socket(&cluster).await, "SELECT current_user::text").await, "postgres");
    }
}

#[tokio::test]
async fn a_stopped_cluster_starts_again_with_its_port_and_its_data_on_every_version() {
    for installation in versions() {
        let bench = Bench::new().await;
        let cluster = bench.create("main", &installation).await;
        let (pid, port) = running(&cluster).await;
        over_socket(&cluster)
            .await
            .batch_execute("CREATE TABLE kept AS SELECT 'here'::text AS word")
            .await
            .unwrap();

        cluster.stop(PATIENCE).await.unwrap();
        assert_eq!(cluster.status().await.unwrap(), Status::Stopped);
        assert_eq!(processes_below(&bench.root()), []);
        cluster.stop(PATIENCE).await.unwrap();
        assert!(matches!(cluster.reload().await, Err(ClusterError::NotRunning(_))));

        cluster.start().await.unwrap();
        let (second, same_port) = running(&cluster).await;
        assert!(second != pid && same_port == port);
        cluster.start().await.unwrap();
        assert_eq!(running(&cluster).await.0, second, "one that runs is left as it is");

        cluster.restart().await.unwrap();
        assert_ne!(running(&cluster).await.0, second);
        assert_eq!(one(&over_tls(&bench.home, port).await.unwrap(), "SELECT word FROM kept").await, "here");
    }
}

#[tokio::test]
async fn a_killed_server_is_seen_as_crashed_and_starts_again_on_every_version() {
    for installation in versions() {
        let bench = Bench::new().await;
        let cluster = bench.create("main", &installation).await;
        let client = over_socket(&cluster).await;
        client.batch_execute("CREATE TABLE kept AS SELECT 'here'::text AS word").await.unwrap();
        // A client that keeps its server process busy: it does not notice at once that the first one is gone.
        let busy = tokio::spawn(async move { client.batch_execute("SELECT pg_sleep(600)").await });

        kill(running(&cluster).await.0);
        until("the crash is seen", async || cluster.status().await.unwrap() == Status::Crashed).await;
        cluster.start().await.unwrap();
        running(&cluster).await;
        assert!(busy.await.unwrap().is_err());
        assert_eq!(one(&over_socket(&cluster).await, "SELECT word FROM kept").await, "here");

        // As when the machine goes down.
        processes_below(&bench.root()).into_iter().for_each(kill);
        until("the crash is seen", async || cluster.status().await.unwrap() == Status::Crashed).await;
        cluster.stop(PATIENCE).await.unwrap();
        assert_eq!(cluster.status().await.unwrap(), Status::Stopped);
        cluster.start().await.unwrap();
        assert_eq!(one(&over_socket(&cluster).await, "SELECT word FROM kept").await, "here");
    }
}

#[tokio::test]
async fn a_pid_file_whose_number_is_in_use_by_another_is_stale() {
    let bench = Bench::new().await;
    let cluster = bench.create("main", &newest()).await;
    let pid_file = bench.root().join("main/data/postmaster.pid");
    let text = fs::read_to_string(&pid_file).unwrap();
    let (pid, _) = running(&cluster).await;
    cluster.stop(PATIENCE).await.unwrap();

    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    fs::write(&pid_file, text.replacen(&pid.to_string(), &other.id().to_string(), 1)).unwrap();
    assert_eq!(cluster.status().await.unwrap(), Status::Crashed);
    cluster.stop(PATIENCE).await.unwrap();
    fs::write(&pid_file, text.replacen(&pid.to_string(), &other.id().to_string(), 1)).unwrap();
    cluster.start().await.unwrap();
    running(&cluster).await;
    cluster.destroy().await.unwrap();
    let spared = other.try_wait().unwrap().is_none();
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(spared);
}

/// Runs the next test in a process of its own, which makes the cluster `main` and dies at a step.
fn another_process(bench: &Bench, owner: u32, die_at: Step) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "life::a_process_of_ours_may_be_told_to_make_a_cluster_and_die"])
        .env("ROLECALL_TEST_FOLDER", bench.folder.path())
        .env("ROLECALL_TEST_OWNER", owner.to_string())
        .env("ROLECALL_TEST_DIE_AT", format!("{die_at:?}"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn a_process_of_ours_may_be_told_to_make_a_cluster_and_die() {
    let Ok(folder) = std::env::var("ROLECALL_TEST_FOLDER") else { return };
    let home = open(folder.as_ref()).await;
    let bench = Bench { folder: tempfile::tempdir_in(&folder).unwrap(), home };
    let mut plan = planned("main", &newest());
    plan.owner = std::env::var("ROLECALL_TEST_OWNER").unwrap().parse().ok();
    let die_at = std::env::var("ROLECALL_TEST_DIE_AT").unwrap();
    let die = |step| {
        if format!("{step:?}") == die_at {
            kill(i32::try_from(std::process::id()).unwrap());
        }
    };
    Cluster::create(&bench.home, &plan, &die).await.unwrap();
}

#[tokio::test]
async fn a_cluster_left_half_made_at_any_step_is_finished_or_removed() {
    for step in [Step::Folder, Step::Initdb, Step::Certificate, Step::Settings, Step::Start] {
        for finish in [true, false] {
            let bench = Bench::new().await;
            let owner = fresh_owner();
            another_process(&bench, owner, step).wait().unwrap();
            let cluster = Cluster::at(&bench.home, "main").unwrap();
            let left = cluster.status().await.unwrap();
            let expected = if step == Step::Folder { Status::Absent } else { Status::HalfMade };
            assert_eq!(left, expected, "{step:?}");
            if finish {
                let mut plan = planned("main", &newest());
                plan.owner = Some(owner);
                bench.make(&plan).await.unwrap();
                over_tls(&bench.home, running(&cluster).await.1).await.unwrap();
                assert!(!bench.root().join("main/verifier").exists());
            }
            cluster.destroy().await.unwrap();
            assert_eq!(cluster.status().await.unwrap(), Status::Absent);
            assert_eq!(
                (processes_of(owner), fs::read_dir(bench.root()).unwrap().count()),
                (vec![], 0),
                "{step:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_cluster_left_half_made_in_the_middle_of_a_step_is_finished() {
    // Cut off while initdb works, while the server starts, and between its start and the record.
    for sign in ["data/PG_VERSION", "data/global/pg_control", "start.log", "data/postmaster.pid"] {
        let bench = Bench::new().await;
        let owner = fresh_owner();
        let mut maker = another_process(&bench, owner, Step::Ready);
        let file = bench.root().join("main").join(sign);
        until("the file is there", async || file.exists()).await;
        maker.kill().unwrap();
        maker.wait().unwrap();
        let mut plan = planned("main", &newest());
        plan.owner = Some(owner);
        let cluster = bench.make(&plan).await.unwrap_or_else(|error| panic!("{sign}: {error}"));
        over_tls(&bench.home, running(&cluster).await.1).await.unwrap();
        cluster.destroy().await.unwrap();
        assert_eq!(processes_of(owner), [], "{sign}");
    }
}

#[tokio::test]
async fn a_server_outlives_the_process_that_started_it_and_is_found_again() {
    let bench = Bench::new().await;
    another_process(&bench, fresh_owner(), Step::Ready).wait().unwrap();
    let cluster = Cluster::at(&bench.home, "main").unwrap();
    let (pid, port) = running(&cluster).await;
    over_tls(&bench.home, port).await.unwrap();

    let again = Cluster::at(&open(bench.folder.path()).await, "main").unwrap();
    assert_eq!(running(&again).await, (pid, port));
    again.stop(PATIENCE).await.unwrap();
    assert_eq!(cluster.status().await.unwrap(), Status::Stopped);
    cluster.start().await.unwrap();
    assert_eq!(running(&again).await.1, port);
}

#[tokio::test]
async fn a_removed_cluster_leaves_neither_file_nor_process() {
    let bench = Bench::new().await;
    let plan = planned("main", &newest());
    let cluster = bench.make(&plan).await.unwrap();
    let client = over_socket(&cluster).await;
    // Someone who is superuser may leave a program behind.
    client.batch_execute("CREATE TABLE said (line text)").await.unwrap();
    let program = "COPY said FROM PROGRAM 'setsid sleep 600 >/dev/null 2>&1 </dev/null & echo started'";
    client.batch_execute(program).await.unwrap();
    cluster.destroy().await.unwrap();
    assert_eq!(cluster.status().await.unwrap(), Status::Absent);
    assert_eq!(processes_below(&bench.root()), []);
    assert_eq!(processes_of(plan.owner.unwrap()), []);
    assert_eq!(fs::read_dir(bench.root()).unwrap().count(), 0);
    cluster.destroy().await.unwrap();
    assert!(matches!(cluster.start().await, Err(ClusterError::Absent(_))));
}

#[tokio::test]
async fn a_crashed_cluster_is_removed_with_its_shared_memory() {
    let bench = Bench::new().await;
    let plan = planned("main", &newest());
    let cluster = bench.make(&plan).await.unwrap();
    let owner = fs::metadata(bench.root().join("main/data")).unwrap().uid();
    assert!(shared_memory_of(owner) > 0);
    processes_below(&bench.root()).into_iter().for_each(kill);
    until("the crash is seen", async || cluster.status().await.unwrap() == Status::Crashed).await;
    cluster.destroy().await.unwrap();
    if root() {
        assert_eq!(shared_memory_of(owner), 0);
    }
}

#[tokio::test]
async fn a_folder_that_is_not_ours_is_neither_used_nor_removed() {
    let bench = Bench::new().await;
    let precious = bench.root().join("main/precious");
    fs::create_dir(bench.root().join("main")).unwrap();
    fs::write(&precious, "mine").unwrap();
    let cluster = Cluster::at(&bench.home, "main").unwrap();
    assert!(matches!(cluster.destroy().await, Err(ClusterError::NotOurs(_))));
    assert!(matches!(bench.make(&planned("main", &newest())).await, Err(ClusterError::NotOurs(_))));
    std::os::unix::fs::symlink(bench.root().join("main"), bench.root().join("link")).unwrap();
    let link = Cluster::at(&bench.home, "link").unwrap();
    assert!(matches!(link.destroy().await, Err(ClusterError::NotOurs(_))));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
}

#[tokio::test]
async fn a_folder_name_is_one_plain_name_and_then_may_hold_anything() {
    let bench = Bench::new().await;
    for name in ["", ".", "..", ".hidden", "a/b", "/etc", "../up", "a\nb", "a\0b"] {
        assert!(matches!(Cluster::at(&bench.home, name), Err(ClusterError::Name(_))), "{name:?}");
    }
    for name in ["it's \"quoted\", $(reboot) `x` %s; #", "-D", "größe 数据 \\ back"] {
        let cluster = bench.create(name, &newest()).await;
        over_tls(&bench.home, running(&cluster).await.1).await.unwrap();
        cluster.restart().await.unwrap();
        cluster.destroy().await.unwrap();
    }
    // Too long for a socket, not for a server.
    let cluster = bench.create(&"long".repeat(30), &newest()).await;
    assert_eq!(cluster.address().await.unwrap().socket_dir, None);
    over_tls(&bench.home, running(&cluster).await.1).await.unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_avoided_when_it_is_free_to_choose_and_named_when_not() {
    let bench = Bench::new().await;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = other.local_addr().unwrap().port();
    let mut plan = planned("fixed", &newest());
    plan.port = Some(taken);
    let refused = bench.make(&plan).await;
    assert!(matches!(refused, Err(ClusterError::PortTaken { port, .. }) if port == taken), "{refused:?}");
    Cluster::at(&bench.home, "fixed").unwrap().destroy().await.unwrap();

    let authority = Authority::open_or_create(&bench.folder.path().join("authority"), "Test").unwrap();
    let home = Home::open(&bench.root(), authority.into(), taken..=taken).await.unwrap();
    let refused = Cluster::create(&home, &planned("ranged", &newest()), &|_| {}).await;
    assert!(matches!(refused, Err(ClusterError::NoPort(..))), "{refused:?}");

    let cluster = bench.create("main", &newest()).await;
    let (_, port) = running(&cluster).await;
    cluster.stop(PATIENCE).await.unwrap();
    let thief = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    assert!(matches!(cluster.start().await, Err(ClusterError::PortTaken { .. })));
    drop(thief);
    cluster.start().await.unwrap();
}

#[tokio::test]
async fn clusters_made_at_the_same_time_get_ports_of_their_own() {
    let bench = Bench::new().await;
    let authority = Authority::open_or_create(&bench.folder.path().join("authority"), "Test").unwrap();
    // A range as small as can be, so that they meet.
    let home = Home::open(&bench.root(), authority.into(), 19_960..=19_965).await.unwrap();
    let plans: Vec<_> = (0..4).map(|n| planned(&format!("c{n}"), &newest())).collect();
    let made = plans.iter().map(|plan| Cluster::create(&home, plan, &|_| {}));
    let made = futures_util::future::join_all(made).await;
    let mut ports = Vec::new();
    for cluster in made {
        ports.push(running(&cluster.unwrap()).await.1);
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 4, "{ports:?}");
}

#[tokio::test]
async fn a_user_number_runs_one_cluster_only() {
    if !root() {
        return;
    }
    let bench = Bench::new().await;
    let plan = planned("first", &newest());
    bench.make(&plan).await.unwrap();
    let mut second = planned("second", &newest());
    second.owner = plan.owner;
    let refused = bench.make(&second).await;
    assert!(
        matches!(&refused, Err(ClusterError::OwnerTaken { other, .. }) if other == "first"),
        "{refused:?}"
    );
    second.owner = Some(1000);
    assert!(matches!(bench.make(&second).await, Err(ClusterError::Owner(1000))));
}

#[tokio::test]
async fn a_folder_that_keeps_the_server_out_is_named() {
    if !root() {
        return;
    }
    let bench = Bench::new().await;
    fs::set_permissions(bench.folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let refused = bench.make(&planned("main", &newest())).await.unwrap_err();
    let folder = bench.folder.path().canonicalize().unwrap();
    assert!(refused.to_string().contains(&format!("chmod o+x {}", folder.display())), "{refused}");
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let bench = Bench::new().await;
    let cluster = bench.create("main", &newest()).await;
    let client = over_socket(&cluster).await;
    client.batch_execute("ALTER SYSTEM SET shared_preload_libraries = 'not_there'").await.unwrap();
    let refused = cluster.restart().await.unwrap_err();
    assert!(matches!(&refused, ClusterError::DidNotStart(said) if said.contains("not_there")), "{refused}");
    assert_eq!(cluster.status().await.unwrap(), Status::Stopped);
    assert!(cluster.log_tail(8192).await.unwrap().contains("not_there"));
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let bench = Bench::new().await;
    let cluster = bench.create("main", &newest()).await;
    let (pid, _) = running(&cluster).await;
    let process = rustix::process::Pid::from_raw(pid).unwrap();
    // A server that does not listen to anyone.
    rustix::process::kill_process(process, rustix::process::Signal::STOP).unwrap();
    let began = Instant::now();
    cluster.stop(Duration::from_millis(100)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(15));
    assert_eq!(cluster.status().await.unwrap(), Status::Stopped);
    cluster.start().await.unwrap();
}

/// Signs in from an address of this machine, as from another one; TLS if it is asked for.
async fn sign_in_from(from: [u8; 4], to: [u8; 4], home: &Home, port: u16, tls: bool) -> Result<(), String> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let stream = socket.connect((to, port).into()).await.map_err(|error| error.to_string())?;
    let mut config = config(PASSWORD);
    let said = |error: tokio_postgres::Error| {
        error.as_db_error().map_or_else(|| format!("{error:?}"), |error| error.message().to_owned())
    };
    if tls {
        config.ssl_mode(SslMode::Require);
        let mut make = tls_of(home);
        let name = std::net::Ipv4Addr::from(to).to_string();
        let connect = MakeTlsConnect::<tokio::net::TcpStream>::make_tls_connect(&mut make, &name).unwrap();
        config.connect_raw(stream, connect).await.map(drop).map_err(said)
    } else {
        config.ssl_mode(SslMode::Disable);
        config.connect_raw(stream, tokio_postgres::NoTls).await.map(drop).map_err(said)
    }
}

#[tokio::test]
async fn networks_come_in_over_tls_only_and_other_addresses_not_at_all() {
    let (network, elsewhere, listening) = ([127, 0, 7, 9], [127, 0, 8, 9], [127, 0, 0, 2]);
    let bench = Bench::new().await;
    let mut plan = planned("main", &newest());
    plan.listen = vec![listening.into()];
    plan.networks = vec!["127.0.7.0/24".parse().unwrap()];
    let cluster = bench.make(&plan).await.unwrap();
    let (_, port) = running(&cluster).await;
    let sign_in = async |from, to, tls| sign_in_from(from, to, &bench.home, port, tls).await;
    sign_in(network, listening, true).await.unwrap();
    assert!(sign_in(network, listening, false).await.unwrap_err().contains("no encryption"));
    for tls in [true, false] {
        assert!(sign_in(elsewhere, listening, tls).await.unwrap_err().contains("no pg_hba.conf entry"));
    }

    // Another address, and a certificate that is good for it, from the next start on.
    let changed = [127, 0, 0, 3];
    cluster.write_listen(&[changed.into()], &["db.example.com".to_owned()]).await.unwrap();
    cluster.restart().await.unwrap();
    sign_in(network, changed, true).await.unwrap();
    assert!(sign_in(network, listening, true).await.is_err());
}

#[tokio::test]
async fn creation_that_nobody_waits_for_any_more_can_be_repeated() {
    let bench = Bench::new().await;
    let plan = planned("main", &newest());
    let (home, given) = (bench.home.clone(), plan.clone());
    let making = tokio::spawn(async move { Cluster::create(&home, &given, &|_| {}).await.map(drop) });
    let begun = bench.root().join("main/data/PG_VERSION");
    until("initdb works", async || begun.exists()).await;
    making.abort();
    let cluster = bench.make(&plan).await.unwrap();
    over_tls(&bench.home, running(&cluster).await.1).await.unwrap();
}
