//! Default users, the rules of S3, the list, adopting.

use super::{names, shown};
use crate::ground::access::{OrganizationRole, ProjectRole};
use crate::testing::{Managed, encoded, one};
use serde_json::{Value, json};

#[tokio::test]
async fn tsdbadmin_is_what_it_is_meant_to_be_and_postgres_is_revealed_to_project_admins_only() {
    let managed = Managed::new().await;
    let view = managed.view().await;
    assert_eq!(view["default_user"], "tsdbadmin");
    assert!(view["connection"]["uri"].as_str().unwrap().starts_with("postgres://tsdbadmin@127.0.0.1:"));
    let user = shown(&managed, "tsdbadmin").await;
    let wanted = json!({ "username": "tsdbadmin", "read_only": false, "replication": true, "protected": true,
        "superuser": false, "managed": true, "password_encryption": "SCRAM-SHA-256" });
    for (field, value) in wanted.as_object().unwrap() {
        assert_eq!(&user[field], value, "{field}");
    }
    let password = managed.revealed("tsdbadmin").await["password"].as_str().unwrap().to_owned();
    let session = managed.sign_in("tsdbadmin", &password).await.unwrap();
    let roles = "SELECT rolsuper::text || rolcreatedb || rolcreaterole || rolreplication || rolbypassrls
                 FROM pg_roles WHERE rolname = current_user";
    assert_eq!(one(&session, roles).await, "falsetruetruetruetrue");
    assert_eq!(
        one(&session, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'defaultdb'").await,
        "tsdbadmin"
    );
    session.batch_execute("CREATE ROLE made_by_admin; CREATE TABLE t (n int)").await.unwrap();
    session.batch_execute("CREATE DATABASE made_by_admin").await.unwrap();
    assert_eq!(
        managed.admin.delete(&managed.at("/users/tsdbadmin")).await.status(409).problem(),
        "protected"
    );
    let refused =
        managed.admin.patch(&managed.at("/users/tsdbadmin"), &json!({ "replication": false })).await;
    assert_eq!(refused.status(409).problem(), "protected");

    let superuser = shown(&managed, "postgres").await;
    assert_eq!((&superuser["superuser"], &superuser["protected"]), (&json!(true), &json!(true)));
    assert_eq!(one(&managed.postgres("defaultdb").await, "session_user").await, "postgres");
    for (verb, answer) in [
        ("delete", managed.admin.delete(&managed.at("/users/postgres")).await),
        ("password", managed.admin.put(&managed.at("/users/postgres/password"), &json!({})).await),
        ("adopt", managed.admin.post(&managed.at("/users/postgres/adopt"), &json!({})).await),
        ("edit", managed.admin.patch(&managed.at("/users/postgres"), &json!({ "replication": false })).await),
    ] {
        let answer = answer.status(409);
        assert_eq!(answer.problem(), "protected", "{verb}");
        assert!(answer.text("detail").contains("Rolecall itself signs in as this user"), "{verb}");
    }
    reveal_in_each_role(&managed).await;
    managed.world.stop().await;
}

async fn reveal_in_each_role(managed: &Managed) {
    for (role, may_reveal, may_reveal_superuser) in [
        (ProjectRole::Admin, true, true),
        (ProjectRole::Operator, true, false),
        (ProjectRole::Developer, true, false),
        (ProjectRole::ReadOnly, false, false),
    ] {
        let name = format!("in_role_{}", role.word());
        let client = managed.world.account(&name, Some(OrganizationRole::Member), Some(("shop", role))).await;
        for (user, may) in [("tsdbadmin", may_reveal), ("postgres", may_reveal_superuser)] {
            let answer = client.post(&managed.at(&format!("/users/{user}/reveal")), &json!({})).await;
            assert_eq!(answer.code.as_u16(), if may { 200 } else { 403 }, "{role} {user}: {}", answer.body);
            assert!(may || !answer.body.contains("\"password\""));
        }
    }
}

#[tokio::test]
async fn a_default_user_with_a_random_name_gets_the_grants_of_its_system() {
    let managed = Managed::with(json!({ "default_user": "random", "database": "shop_db" })).await;
    let name = managed.view().await["default_user"].as_str().unwrap().to_owned();
    assert_ne!(name, "tsdbadmin");
    let user = shown(&managed, &name).await;
    assert_eq!(
        (&user["protected"], &user["superuser"], &user["managed"]),
        (&json!(true), &json!(false), &json!(true))
    );
    let password = managed.revealed(&name).await["password"].as_str().unwrap().to_owned();
    assert_eq!(password.len(), 64);
    let session = crate::testing::sign_in(managed.port, &name, &password, "shop_db").await.unwrap();
    session
        .batch_execute("CREATE TABLE t (n serial); INSERT INTO t DEFAULT VALUES; CREATE SCHEMA s")
        .await
        .unwrap();
    for granted in [
        "has_schema_privilege('public', 'CREATE')",
        "has_database_privilege(current_database(), 'CREATE, TEMPORARY, CONNECT')",
    ] {
        assert_eq!(one(&session, granted).await, "true", "{granted}");
    }
    let promised = "SELECT count(*) FROM pg_default_acl d, aclexplode(d.defaclacl) a
                    WHERE a.grantee = session_user::regrole AND d.defaclobjtype IN ('r', 'S')
                      AND d.defaclnamespace = 'public'::regnamespace";
    assert!(one(&session, promised).await.parse::<i64>().unwrap() >= 8, "tables and sequences made later");
    assert!(session.batch_execute("CREATE ROLE other").await.is_err());
    assert_eq!(
        managed.admin.delete(&managed.at(&format!("/users/{name}"))).await.status(409).problem(),
        "protected"
    );
    assert!(!names(&managed).await.contains(&"tsdbadmin".to_owned()));
    managed.world.stop().await;
}

#[tokio::test]
async fn each_rule_of_a_new_user_that_is_broken_is_said_at_its_field() {
    let managed = Managed::new().await;
    let before = names(&managed).await;
    let long = "a".repeat(33);
    let ok = "x".repeat(24);
    let with = |username: &str, password: Value| json!({ "username": username, "password": password });
    for (field, body) in [
        ("username", with("short", json!(ok))),
        ("username", with("", json!(ok))),
        ("username", with(&long, json!(ok))),
        ("username", with("1_first", json!(ok))),
        ("username", with("_first_1", json!(ok))),
        ("username", with("my-app-1", json!(ok))),
        ("username", with("my app 1", json!(ok))),
        ("username", with("ünïcødé", json!(ok))),
        ("username", with("x\"; DROP ROLE tsdbadmin; --", json!(ok))),
        ("username", with("nul_\u{0}_byte", json!(ok))),
        ("username", with("rolecall_reader", json!(ok))),
        ("username", with("Rolecall_Reader", json!(ok))),
        ("username", with("pg_monitor_2", json!(ok))),
        ("username", with("public", json!(ok))),
        ("username", with("PUBLIC", json!(ok))),
        ("username", with("postgres", json!(ok))),
        ("username", with("tsdbadmin", json!(ok))),
        ("password", with("someone_1", json!("x".repeat(23)))),
        ("password", with("someone_1", json!("x".repeat(65)))),
        ("password", with("someone_1", json!(format!("{ok}'")))),
        ("password", with("someone_1", json!(format!("{ok}\"")))),
        ("password", with("someone_1", json!(format!("{ok}\n")))),
        ("replication", json!({ "username": "someone_1", "read_only": true, "replication": true })),
    ] {
        let answer = managed.admin.post(&managed.at("/users"), &body).await.status(422);
        assert_eq!(
            (answer.problem(), &answer.json()["errors"][0]["field"]),
            ("invalid", &json!(field)),
            "{body}"
        );
        assert!(answer.json()["errors"][0]["message"].as_str().unwrap().ends_with('.'), "{}", answer.body);
    }
    managed
        .admin
        .post(&managed.at("/users"), &json!({ "username": "someone_1", "superuser": true }))
        .await
        .status(400);
    assert_eq!(names(&managed).await, before, "none of them is there");
    managed.world.stop().await;
}

#[tokio::test]
async fn a_typed_password_does_not_come_back_and_an_empty_one_is_generated() {
    let managed = Managed::new().await;
    let ok = "x".repeat(24);
    let with = |username: &str, password: Value| json!({ "username": username, "password": password });
    let typed = format!("{}-é", "y".repeat(60));
    let made = managed.admin.post(&managed.at("/users"), &with("someone_1", json!(typed))).await.status(201);
    assert_eq!(made.headers["location"], managed.at("/users/someone_1").as_str());
    assert!(!made.body.contains("password\":\""), "what was typed does not come back: {}", made.body);
    managed.sign_in("someone_1", &typed).await.unwrap();
    for (username, password) in [("generated_1", json!("")), ("generated_2", Value::Null)] {
        let made = managed.admin.post(&managed.at("/users"), &with(username, password)).await.status(201);
        let password = made.text("password");
        assert!(
            password.len() == 64 && password.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        );
        managed.sign_in(username, password).await.unwrap();
    }
    let again = managed.admin.post(&managed.at("/users"), &with("someone_1", json!(ok))).await.status(409);
    assert_eq!(again.problem(), "already_exists");
    managed.sign_in("someone_1", &typed).await.unwrap();
    managed.world.stop().await;
}

#[tokio::test]
async fn users_made_by_plain_sql_are_listed_as_unmanaged_and_can_be_adopted() {
    let managed = Managed::new().await;
    let postgres = managed.postgres("defaultdb").await;
    postgres
        .batch_execute(
            "CREATE ROLE by_hand LOGIN PASSWORD 'by-hand-by-hand-by-hand';
             SET password_encryption = md5;
             CREATE ROLE by_md5 LOGIN PASSWORD 'by-md5-by-md5-by-md5-by-md5' VALID UNTIL '2030-01-01Z';
             RESET password_encryption;
             CREATE ROLE by_none LOGIN; CREATE ROLE no_login_here; CREATE ROLE another_boss SUPERUSER LOGIN;
             CREATE ROLE \"Hostile \"\"name\"\"; --\" LOGIN PASSWORD 'hostile-hostile-hostile-0';",
        )
        .await
        .unwrap();
    managed.user("managed_1", json!({})).await;
    let listed = names(&managed).await;
    for name in [
        "another_boss",
        "by_hand",
        "by_md5",
        "by_none",
        "managed_1",
        "postgres",
        "tsdbadmin",
        "Hostile \"name\"; --",
    ] {
        assert!(listed.contains(&name.to_owned()), "{name} in {listed:?}");
    }
    assert!(
        !listed.iter().any(|name| name.starts_with("rolecall_") || name == "no_login_here"),
        "{listed:?}"
    );
    for (name, encryption) in
        [("by_hand", json!("SCRAM-SHA-256")), ("by_md5", json!("MD5")), ("by_none", Value::Null)]
    {
        let user = shown(&managed, name).await;
        assert_eq!((&user["managed"], &user["password_encryption"]), (&json!(false), &encryption), "{user}");
        assert_eq!(managed.revealed(name).await["password"], Value::Null);
    }
    assert_eq!(shown(&managed, "by_md5").await["valid_until"], "2030-01-01T00:00:00.000Z");
    let page = managed.admin.get(&managed.at("/users?limit=2&search=BY_")).await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let next = page["next"].as_str().unwrap();
    let rest =
        managed.admin.get(&managed.at(&format!("/users?limit=2&search=by_&cursor={next}"))).await.json();
    assert_eq!((rest["items"][0]["username"].as_str(), &rest["next"]), (Some("by_none"), &Value::Null));
    adopt_and_delete(&managed).await;
    managed.world.stop().await;
}

async fn adopt_and_delete(managed: &Managed) {
    let admin = &managed.admin;
    for verb in [
        admin.put(&managed.at("/users/by_hand/password"), &json!({})).await,
        admin.patch(&managed.at("/users/by_hand"), &json!({ "replication": true })).await,
    ] {
        assert_eq!(verb.status(409).problem(), "unmanaged");
    }
    let adopted = admin.post(&managed.at("/users/by_hand/adopt"), &json!({})).await.status(200).json();
    assert_eq!((&adopted["managed"], &adopted["protected"]), (&json!(true), &json!(false)));
    assert_eq!(
        admin.post(&managed.at("/users/by_hand/adopt"), &json!({})).await.status(409).problem(),
        "already_exists"
    );
    managed.sign_in("by_hand", "by-hand-by-hand-by-hand").await.unwrap();
    let hint = managed.revealed("by_hand").await;
    assert_eq!(hint["password"], Value::Null);
    assert!(hint["hint"].as_str().unwrap().contains("set a new one"), "{hint}");
    admin.post(&managed.at("/users/another_boss/adopt"), &json!({})).await.status(409);
    admin.delete(&managed.at("/users/another_boss")).await.status(409);
    for absent in ["no_login_here", "rolecall_readonly", "pg_monitor", "not_there"] {
        admin.post(&managed.at(&format!("/users/{absent}/adopt")), &json!({})).await.status(404);
        admin.delete(&managed.at(&format!("/users/{absent}"))).await.status(404);
        admin.get(&managed.at(&format!("/users/{absent}"))).await.status(404);
        admin.post(&managed.at(&format!("/users/{absent}/reveal")), &json!({})).await.status(404);
        admin.put(&managed.at(&format!("/users/{absent}/password")), &json!({})).await.status(404);
    }
    let hostile = encoded("Hostile \"name\"; --");
    admin.delete(&managed.at(&format!("/users/{hostile}"))).await.status(204);
}

#[tokio::test]
async fn a_role_that_is_in_the_way_of_a_new_user_stays_and_nothing_is_left_of_the_attempt() {
    let managed = Managed::new().await;
    let admin = &managed.admin;
    let postgres = managed.postgres("postgres").await;
    postgres.batch_execute("CREATE ROLE in_the_way").await.unwrap();
    let refused = admin.post(&managed.at("/users"), &json!({ "username": "in_the_way" })).await.status(409);
    assert_eq!(refused.problem(), "already_exists");
    assert_eq!(super::unfinished(&managed).await, 0, "no row is left of what was refused");
    admin.get(&managed.at("/users/in_the_way")).await.status(404);
    assert_eq!(one(&postgres, "SELECT count(*) FROM pg_roles WHERE rolname = 'in_the_way'").await, "1");
    managed.world.stop().await;
}
