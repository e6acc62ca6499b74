//! Passwords are planted, and looked for everywhere: they are nowhere.

use crate::server::{Answer, Installation, sign_in};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What every planted password begins with.
const BIRD: &str = "kanarienvogel-";
const USERS: &str = "/projects/shop/services/main/users";

fn bird(number: usize) -> String {
    format!("{BIRD}{number:02}-abcdefghijklmnop")
}

/// Whatever the server can be told to write down, it writes down.
const CHATTY: &str = "
    ALTER SYSTEM SET log_statement = 'all';
    ALTER SYSTEM SET log_duration = on;
    ALTER SYSTEM SET log_min_duration_statement = 0;
    ALTER SYSTEM SET log_min_error_statement = 'debug5';
    ALTER SYSTEM SET log_min_messages = 'debug2';
    ALTER SYSTEM SET log_connections = on;
    ALTER SYSTEM SET log_replication_commands = on;
    ALTER SYSTEM SET track_activity_query_size = '64kB';";

/// Needs a library that not every installation has.
const STATISTICS: &str = "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_is_in_a_log_a_statistic_an_error_a_process_or_a_file() {
    let rolecall = Installation::new().await;
    let watch = Watch::begin();
    let versions = rolecall.get("/service-versions").await.json();
    let has_15 = versions["items"].as_array().unwrap().iter().any(|one| one["major"] == 15);
    let port = rolecall.service("main", has_15.then_some("15")).await;
    let superuser = rolecall.revealed("main", "postgres").await.unwrap();
    let boss = sign_in(port, "postgres", &superuser).await.unwrap();
    for statement in CHATTY.split(';').filter(|statement| !statement.trim().is_empty()) {
        boss.batch_execute(statement).await.unwrap();
    }
    if has_15 {
        boss.batch_execute(STATISTICS).await.unwrap();
    }
    rolecall.post("/projects/shop/services/main/restart", json!({})).await.expect(200);
    let boss = sign_in(port, "postgres", &superuser).await.unwrap();
    if has_15 {
        boss.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
    }
    boss.batch_execute("CREATE ROLE in_the_way").await.unwrap();

    let (mut secrets, mut said) = (vec![superuser], Vec::new());
    changes(&rolecall, &mut secrets).await;
    mistakes(&rolecall, port, &mut said).await;
    secrets.extend(rolecall.revealed("main", "tsdbadmin").await);
    for answer in &said {
        assert!(!answer.text.contains(BIRD), "an error gives a password away: {}", answer.text);
    }
    if has_15 {
        let sql = "SELECT coalesce(string_agg(query, E'\\n'), '') FROM pg_stat_statements";
        let statements: String = boss.query_one(sql, &[]).await.unwrap().get(0);
        assert!(statements.contains("rolecall_readwrite"), "they are kept, only not those with passwords");
        assert!(!statements.contains(BIRD) && !statements.contains("SCRAM-SHA-256$4"), "{statements}");
    }
    assert_eq!(watch.end(), Vec::<String>::new(), "a process was given a password");
    look_everywhere(&rolecall, &secrets);
}

/// Changes that succeed, with typed passwords and with generated ones.
async fn changes(rolecall: &Installation, secrets: &mut Vec<String>) {
    let mut keep = |answer: Answer| {
        secrets.extend(answer.json()["password"].as_str().map(str::to_owned));
    };
    keep(rolecall.post(USERS, json!({ "username": "typed_1", "password": bird(1) })).await.expect(201));
    keep(
        rolecall
            .post(USERS, json!({ "username": "typed_2", "password": bird(2), "read_only": true }))
            .await
            .expect(201),
    );
    keep(rolecall.post(USERS, json!({ "username": "generated_1" })).await.expect(201));
    let password = |user: &str| format!("{USERS}/{user}/password");
    keep(rolecall.put(&password("typed_1"), json!({ "password": bird(3) })).await.expect(200));
    keep(rolecall.put(&password("typed_1"), json!({})).await.expect(200));
    keep(rolecall.put(&password("generated_1"), json!({ "password": bird(4) })).await.expect(200));
    assert_eq!(rolecall.revealed("main", "generated_1").await, Some(bird(4)));
    rolecall.delete(&format!("{USERS}/typed_2")).await.expect(204);
}

/// Whatever can be done wrong, with a password in it.
async fn mistakes(rolecall: &Installation, port: u16, said: &mut Vec<Answer>) {
    let attached = |more: Value| {
        let mut body = json!({ "name": "theirs", "mode": "attached", "engine": "postgresql", "host": "127.0.0.1",
            "port": port, "username": "tsdbadmin", "password": bird(20), "tls": "required" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let services = "/projects/shop/services";
    for (path, body, code) in [
        (USERS, json!({ "username": "typed_1", "password": bird(5) }), 409),
        (USERS, json!({ "username": "in_the_way", "password": bird(6) }), 409),
        (USERS, json!({ "username": "bad-name", "password": bird(7) }), 422),
        (USERS, json!({ "username": "rolecall_x1", "password": bird(8) }), 422),
        (USERS, json!({ "username": "someone_1", "password": format!("{}'", bird(9)) }), 422),
        (USERS, json!({ "username": "someone_1", "password": bird(10).repeat(3) }), 422),
        (USERS, json!({ "username": "someone_1", "pasword": bird(11) }), 400),
        (USERS, json!({ "username": "someone_1", "password": [bird(12)] }), 400),
        (USERS, json!({ "username": { "password": bird(13) } }), 400),
        (services, attached(json!({})), 502),
        (services, attached(json!({ "host": "no-such-host.invalid" })), 502),
        ("/login", json!({ "account": "admin", "password": bird(16) }), 401),
    ] {
        said.push(rolecall.post(path, body).await.expect(code));
    }
    for (path, body, code) in [
        ("postgres/password", json!({ "password": bird(17) }), 409),
        ("not_there/password", json!({ "password": bird(18) }), 404),
        ("typed_1/password", json!({ "password": bird(19), "x": 1 }), 400),
    ] {
        said.push(rolecall.put(&format!("{USERS}/{path}"), body).await.expect(code));
    }
    said.push(rolecall.delete(&format!("{USERS}/tsdbadmin")).await.expect(409));
    // Whoever takes another field for the password's is told what he wrote; nobody else is.
    for misplaced in [json!({ "tls": bird(14) }), json!({ "port": bird(15) })] {
        drop(rolecall.post(services, attached(misplaced)).await.expect(400));
    }
}

/// Logs, our store, its write-ahead log, the servers' data: every file there is.
fn look_everywhere(rolecall: &Installation, secrets: &[String]) {
    let folder = rolecall.folder();
    let needles = tempfile::NamedTempFile::new().unwrap();
    let mut lines = vec![BIRD.to_owned()];
    lines.extend(secrets.iter().cloned());
    assert!(lines.len() >= 5 && lines.iter().all(|line| line.len() >= BIRD.len()), "{}", lines.len());
    fs::write(needles.path(), lines.join("\n")).unwrap();
    let found = Command::new("grep")
        .args(["--recursive", "--text", "--fixed-strings", "--files-with-matches", "--file"])
        .args([needles.path(), folder.as_path()])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "files with a password");
    // Verifiers belong into the server's own tables and into no log.
    let logs = Command::new("grep")
        .args(["--recursive", "--text", "--fixed-strings", "--files-with-matches", "SCRAM-SHA-256$4"])
        .arg("--include=*.log")
        .arg("--include=log")
        .arg(&folder)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&logs.stdout), "", "logs with a verifier");
    let chatty = Command::new("grep").args(["-rlF", "statement: "]).arg(&folder).output().unwrap();
    assert!(!chatty.stdout.is_empty(), "the server did write down what it was told");
    assert!(rolecall.log().contains("a change to a service user failed"), "so did we");
}

/// Looks at every process's command line until it is told to end.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<String>>,
}

impl Watch {
    fn begin() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut found = Vec::new();
            while !told.load(Ordering::Relaxed) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    let line = String::from_utf8_lossy(&line).into_owned();
                    if line.contains(BIRD) {
                        found.push(line);
                    }
                }
                std::thread::yield_now();
            }
            found
        });
        Self { stop, thread }
    }

    fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
