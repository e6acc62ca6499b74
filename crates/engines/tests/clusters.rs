//! The life of a managed cluster, on every PostgreSQL that this machine has.

mod clusters_support;

use std::collections::HashSet;
use std::fs;
use std::sync::Mutex;
use std::time::Instant;

use clusters_support::*;
use engines::postgresql::cluster::{Cluster, ClusterError, PATIENCE, Status, Step};

#[tokio::test]
async fn a_new_cluster_takes_signed_in_clients_over_tls_on_every_version() {
    for installation in versions() {
        let bench = Bench::new().await;
        let steps = Mutex::new(Vec::new());
        let began = Instant::now();
        let plan = bench.plan("main", &installation);
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
