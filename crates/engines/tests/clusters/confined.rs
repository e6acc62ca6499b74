//! What a superuser of one managed cluster cannot do to the machine, to us and to other clusters; and who gets in.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use super::support::*;
use engines::postgresql::cluster::{Cluster, Confinement, PATIENCE, Status};
use tokio_postgres::Client;

/// What a shell command run by the server prints; the error if it fails.
async fn shell(client: &Client, command: &str) -> Result<String, String> {
    let fail = |error: tokio_postgres::Error| {
        error.as_db_error().map_or_else(|| error.to_string(), |error| format!("{error:?}"))
    };
    client.batch_execute("DROP TABLE IF EXISTS said; CREATE TABLE said (line text)").await.map_err(fail)?;
    let copy = format!("COPY said FROM PROGRAM $p${command}$p$");
    client.batch_execute(&copy).await.map_err(fail)?;
    let lines = client.query_one("SELECT coalesce(string_agg(line, E'\\n'), '') FROM said", &[]).await;
    lines.map(|row| row.get(0)).map_err(fail)
}

async fn refused(client: &Client, command: &str) {
    let said = shell(client, command).await;
    assert!(said.is_err(), "{command} printed {said:?}");
}

#[tokio::test]
async fn a_superuser_reads_neither_our_files_nor_the_machines_on_any_version() {
    for installation in versions() {
        let bench = Bench::new().await;
        let cluster = bench.create("main", &installation).await;
        let here = cluster.confinement().await.unwrap();
        assert_eq!(here, Confinement { uid: root(), landlock: landlock() });
        let client = over_socket(&cluster).await;
        let own = bench.root().join("main");

        // Its own folder works.
        let version =
            shell(&client, &format!("cat {}", own.join("data/PG_VERSION").display())).await.unwrap();
        assert_eq!(version, installation.major.to_string());
        shell(&client, "echo note > note && cat note").await.unwrap();

        if here.uid {
            for path in ["/etc/shadow", "../cluster", "../../../authority/authority.key"] {
                refused(&client, &format!("cat {path}")).await;
            }
            for file in ["pg_hba.conf", "rolecall.conf", "server.crt"] {
                refused(&client, &format!("echo >> ../settings/{file}")).await;
                refused(&client, &format!("rm -f ../settings/{file}")).await;
            }
        }
        if here.landlock {
            sees_nothing_else(&client, bench.folder.path()).await;
        }
    }
}

/// Tries what every user of the machine may do, so that it is Landlock that refuses.
async fn sees_nothing_else(client: &Client, folder: &Path) {
    let store = folder.join("store.db");
    fs::write(&store, "secret\n").unwrap();
    fs::set_permissions(&store, Permissions::from_mode(0o644)).unwrap();
    for path in
        [&store, Path::new("/etc/passwd"), Path::new("/proc/1/cmdline"), Path::new("/proc/self/environ")]
    {
        fs::read(path).unwrap();
        refused(client, &format!("cat {}", path.display())).await;
        let read = format!("SELECT pg_read_file('{}')", path.display());
        assert!(client.batch_execute(&read).await.is_err(), "{read}");
    }
    for folder in ["/tmp", "/dev/shm", "/var/tmp", "/", "/proc", folder.join("clusters").to_str().unwrap()] {
        refused(client, &format!("ls {folder}")).await;
        refused(client, &format!("touch {folder}/mark")).await;
    }
}

#[tokio::test]
async fn two_clusters_cannot_touch_each_other() {
    if !landlock() {
        return;
    }
    let bench = Bench::new().await;
    let (one_cluster, other) = (bench.create("one", &newest()).await, bench.create("other", &newest()).await);
    let client = over_socket(&one_cluster).await;
    let folder = bench.root().join("other");
    // Even if someone has opened the other's files to everybody.
    for part in ["data", "log", "run"] {
        fs::set_permissions(folder.join(part), Permissions::from_mode(0o777)).unwrap();
    }
    fs::set_permissions(folder.join("data/PG_VERSION"), Permissions::from_mode(0o666)).unwrap();
    refused(&client, &format!("cat {}", folder.join("data/PG_VERSION").display())).await;
    refused(&client, &format!("echo 9 > {}", folder.join("data/PG_VERSION").display())).await;
    refused(&client, &format!("ls {}", folder.join("log").display())).await;
    fs::set_permissions(folder.join("data"), Permissions::from_mode(0o700)).unwrap();

    let (pid, _) = running(&other).await;
    refused(&client, &format!("kill -0 {pid}")).await;
    refused(&client, &format!("kill -0 {}", std::process::id())).await;
    assert_eq!(running(&other).await.0, pid);

    // Neither can it listen where the other will, once that is stopped.
    let (_, port) = running(&other).await;
    other.stop(PATIENCE).await.unwrap();
    let listen =
        format!("use IO::Socket::INET; IO::Socket::INET->new(LocalPort => {port}, Listen => 1) or die $!");
    assert!(Command::new("perl").args(["-e", &listen]).status().unwrap().success());
    let said = shell(&client, &format!("perl -e '{listen}' 2>&1 || true")).await.unwrap();
    assert!(said.contains("Permission denied"), "{said}");
}

#[tokio::test]
async fn what_we_rely_on_cannot_be_changed_by_sql() {
    let bench = Bench::new().await;
    let cluster = bench.create("main", &newest()).await;
    let (_, port) = running(&cluster).await;
    let client = over_socket(&cluster).await;
    for change in ["port = 1234", "hba_file = '/tmp/x'", "unix_socket_directories = '/tmp'", "ssl = off"] {
        client.batch_execute(&format!("ALTER SYSTEM SET {change}")).await.unwrap();
    }
    cluster.restart().await.unwrap();
    assert_eq!(running(&cluster).await.1, port);
    assert_eq!(one(&over_socket(&cluster).await, "SELECT current_setting('ssl')").await, "on");
}

#[tokio::test]
async fn a_superuser_who_forges_the_pid_file_makes_us_signal_nobody_else() {
    let bench = Bench::new().await;
    let cluster = bench.create("main", &newest()).await;
    let client = over_socket(&cluster).await;
    let mut victim = Command::new("sleep").arg("600").spawn().unwrap();
    shell(&client, &format!("sed -i 1s/.*/{}/ postmaster.pid", victim.id())).await.unwrap();
    cluster.restart().await.unwrap();
    over_socket(&cluster).await;
    // A link and a pipe instead of a file neither leak nor hang.
    let client = over_socket(&cluster).await;
    shell(&client, "rm postmaster.pid; ln -s /etc/shadow postmaster.pid").await.unwrap();
    cluster.status().await.unwrap();
    shell(&client, "rm postmaster.pid; mkfifo postmaster.pid").await.unwrap();
    cluster.restart().await.unwrap();
    running(&cluster).await;
    let spared = victim.try_wait().unwrap().is_none();
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(spared);
}

#[tokio::test]
async fn queries_that_share_memory_between_processes_work_in_the_domain_on_every_version() {
    for installation in versions() {
        let bench = Bench::new().await;
        let cluster = bench.create("main", &installation).await;
        let client = over_socket(&cluster).await;
        client
            .batch_execute(
                "CREATE TABLE many AS SELECT g AS n, md5(g::text) AS word FROM generate_series(1, 200000) g;
                 ANALYZE many;
                 SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
                 SET max_parallel_workers_per_gather = 2; SET enable_mergejoin = off; SET enable_nestloop = off",
            )
            .await
            .unwrap();
        let join = "SELECT count(*)::text FROM many a JOIN many b USING (word)";
        let plan: Vec<_> = client.query(&format!("EXPLAIN {join}"), &[]).await.unwrap();
        assert!(plan.iter().any(|row| row.get::<_, String>(0).contains("Parallel Hash")));
        assert_eq!(one(&client, join).await, "200000");
        let letters = "SELECT lower('ÄÖ') || upper('ß' || 'é') || to_char(now(), 'TZ')";
        assert!(one(&client, letters).await.ends_with("UTC"));
        assert_eq!(
            one(&client, "SELECT (now() AT TIME ZONE 'Europe/Berlin' IS NOT NULL)::text").await,
            "true"
        );
        let looked_up = "SELECT count(*)::text FROM pg_timezone_names WHERE name = 'Asia/Tokyo'";
        assert_eq!(one(&client, looked_up).await, "1");
    }
}

#[tokio::test]
async fn the_servers_processes_have_their_own_user_and_no_way_to_more_rights() {
    if !root() {
        return;
    }
    let bench = Bench::new().await;
    let plan = planned("main", &newest());
    let cluster = bench.make(&plan).await.unwrap();
    let (pid, _) = running(&cluster).await;
    let facts = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = |name: &str| facts.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let owner = plan.owner.unwrap().to_string();
    assert_eq!(line("Uid:").split_whitespace().collect::<Vec<_>>(), [owner.as_str(); 4]);
    assert_eq!(line("Gid:").split_whitespace().collect::<Vec<_>>(), [owner.as_str(); 4]);
    assert_eq!((line("Groups:").as_str(), line("NoNewPrivs:").as_str()), ("", "1"));
    assert_eq!(line("CapEff:").trim_matches('0'), "");
    assert_eq!(fs::metadata(bench.root().join("main/data")).unwrap().uid(), plan.owner.unwrap());
    let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    assert!(!environment.contains("HOME=") && !environment.contains("CARGO"), "{environment}");
    let session = rustix::process::getsid(rustix::process::Pid::from_raw(pid)).unwrap();
    assert_eq!(session.as_raw_nonzero().get(), pid, "it is in a session of its own");
}

#[tokio::test]
async fn the_superusers_password_is_on_no_command_line_and_in_no_file() {
    let bench = Bench::new().await;
    let cluster = bench.create("main", &newest()).await;
    over_socket(&cluster).await;
    no_file_holds_the_password_below(bench.folder.path());
    for pid in processes_below(&bench.root()) {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(
            !String::from_utf8_lossy(&line).contains("SCRAM")
                && !String::from_utf8_lossy(&line).contains("canary")
        );
    }
    let wrong = Bench::new().await;
    assert!(
        over_tls(&wrong.home, running(&cluster).await.1).await.is_err(),
        "another authority is not trusted"
    );
}

fn no_file_holds_the_password_below(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            no_file_holds_the_password_below(&path);
        } else if entry.file_type().unwrap().is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            let found = bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}

async fn sign_in(cluster: &Cluster, user: &str, database: &str) -> Result<Client, String> {
    let mut config = config("pw");
    config.user(user).dbname(database).host("127.0.0.1").port(cluster.address().await.unwrap().tcp.port());
    match config.connect(tokio_postgres::NoTls).await {
        Ok((client, connection)) => {
            tokio::spawn(connection);
            Ok(client)
        }
        Err(error) => Err(error.as_db_error().map_or(error.to_string(), |error| error.message().to_owned())),
    }
}

#[tokio::test]
async fn read_only_users_get_into_prepared_databases_only_on_every_version() {
    for installation in versions() {
        let bench = Bench::new().await;
        let cluster = bench.create("main", &installation).await;
        let admin = over_socket(&cluster).await;
        for sql in [
            "CREATE ROLE rolecall_readonly NOLOGIN".to_owned(),
            format!("CREATE ROLE reader LOGIN PASSWORD '{}' IN ROLE rolecall_readonly", verifier("pw")),
            format!("CREATE ROLE writer LOGIN PASSWORD '{}'", verifier("pw")),
            format!("CREATE ROLE streamer LOGIN REPLICATION PASSWORD '{}'", verifier("pw")),
            "CREATE DATABASE app".to_owned(),
            "CREATE DATABASE \"a \"\"b\"\", all\"".to_owned(),
        ] {
            admin.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        assert!(sign_in(&cluster, "reader", "app").await.unwrap_err().contains("rejects"));

        let prepared = ["app".to_owned(), "a \"b\", all".to_owned(), "line\nbreak".to_owned()];
        cluster.write_hba(&prepared, &["10.0.0.0/8".parse().unwrap()]).await.unwrap();
        let wrong = "SELECT count(*)::text FROM pg_hba_file_rules WHERE error IS NOT NULL";
        assert_eq!(one(&admin, wrong).await, "0");
        cluster.reload().await.unwrap();
        until("the rules count", async || sign_in(&cluster, "reader", "app").await.is_ok()).await;
        sign_in(&cluster, "reader", "a \"b\", all").await.unwrap();
        assert!(sign_in(&cluster, "reader", "postgres").await.unwrap_err().contains("rejects"));
        sign_in(&cluster, "writer", "postgres").await.unwrap();

        let streamer = sign_in(&cluster, "streamer", "app").await.unwrap();
        let slot = "SELECT slot_name::text FROM pg_create_logical_replication_slot('s', 'pgoutput')";
        assert_eq!(one(&streamer, slot).await, "s");
        // The rules outlast a restart.
        cluster.restart().await.unwrap();
        assert!(sign_in(&cluster, "reader", "postgres").await.is_err());
    }
}

#[tokio::test]
async fn a_new_certificate_counts_without_a_restart() {
    let bench = Bench::new().await;
    let cluster = bench.create("main", &newest()).await;
    let (pid, port) = running(&cluster).await;
    assert!(!cluster.renew_certificate().await.unwrap());
    let file = bench.root().join("main/settings/server.crt");
    let old = fs::read_to_string(&file).unwrap();
    // As if it ran out tomorrow.
    let (_, rest) = old.split_once(" for ").unwrap();
    fs::write(&file, format!("# until 1 for {rest}")).unwrap();
    assert!(cluster.renew_certificate().await.unwrap());
    assert_ne!(fs::read_to_string(&file).unwrap(), old);
    over_tls(&bench.home, port).await.unwrap();
    assert_eq!(running(&cluster).await.0, pid);
}

#[tokio::test]
async fn a_cluster_without_a_number_of_its_own_runs_as_an_unprivileged_account_and_says_so() {
    if !root() {
        return;
    }
    let bench = Bench::new().await;
    let mut plan = planned("main", &newest());
    plan.owner = None;
    let cluster = bench.make(&plan).await.unwrap();
    assert_eq!(cluster.confinement().await.unwrap(), Confinement { uid: false, landlock: landlock() });
    let (pid, _) = running(&cluster).await;
    assert_ne!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), 0);
    kill(pid);
    until("the crash is seen", async || cluster.status().await.unwrap() == Status::Crashed).await;
    cluster.start().await.unwrap();
    cluster.destroy().await.unwrap();
    assert_eq!(processes_below(&bench.root()), []);
}

#[tokio::test]
async fn without_root_a_cluster_runs_as_ourselves_and_landlock_keeps_it_from_our_files() {
    if rustix::process::geteuid().is_root() {
        return as_nobody(
            "confined::without_root_a_cluster_runs_as_ourselves_and_landlock_keeps_it_from_our_files",
        );
    }
    let bench = Bench::new().await;
    let cluster = bench.create("main", &newest()).await;
    let other = bench.create("other", &newest()).await;
    assert_eq!(cluster.confinement().await.unwrap(), Confinement { uid: false, landlock: landlock() });
    let (pid, port) = running(&cluster).await;
    over_tls(&bench.home, port).await.unwrap();
    let client = over_socket(&cluster).await;
    if landlock() {
        for file in ["authority/authority.key", "clusters/other/data/PG_VERSION", "clusters/main/cluster"] {
            let file = bench.folder.path().join(file);
            fs::read(&file).unwrap();
            refused(&client, &format!("cat {}", file.display())).await;
        }
        refused(&client, &format!("kill -0 {}", std::process::id())).await;
        refused(&client, &format!("kill -0 {}", running(&other).await.0)).await;
    }

    kill(pid);
    until("the crash is seen", async || cluster.status().await.unwrap() == Status::Crashed).await;
    cluster.start().await.unwrap();
    cluster.destroy().await.unwrap();
    assert!(matches!(other.status().await.unwrap(), Status::Running { .. }));
    other.destroy().await.unwrap();
    assert_eq!(processes_below(&bench.root()), []);
}

/// Runs a test of this file again as a user without rights, from a copy that this user can reach.
fn as_nobody(test: &str) {
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let test =
        Command::new(copy).args(["--exact", test]).current_dir("/").uid(65534).gid(65534).output().unwrap();
    assert!(test.status.success(), "{}", String::from_utf8_lossy(&test.stdout));
    assert!(String::from_utf8_lossy(&test.stdout).contains("1 passed"));
}
