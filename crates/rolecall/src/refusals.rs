//! Every route, called by everybody: whoever may not is refused, and whoever may is not.
//!
//! What is expected of each is read off the role table, and the table is held against the seeds by tests of its own.

use crate::ground::access::roles::{Needs, needs};
use crate::ground::access::{ActionId, OrganizationRole, ProjectRole};
use crate::ground::web::routes::{Guard, Spec};
use crate::look;
use crate::testing::{Answer, Client, World, must_be_committed};
use serde_json::json;
use std::fmt::Write as _;

/// Somebody who calls.
struct Caller {
    name: String,
    client: Client,
    organization: Option<OrganizationRole>,
    project: Option<ProjectRole>,
    superadmin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Allowed,
    /// Seen, but not allowed: 403.
    TooLow,
    /// Not to be known: 404.
    Unknown,
}

impl Caller {
    fn expects(&self, action: ActionId) -> Expected {
        let of = |is_enough: bool, is_inside: bool| match (is_enough || self.superadmin, is_inside) {
            (true, _) => Expected::Allowed,
            (false, true) => Expected::TooLow,
            (false, false) => Expected::Unknown,
        };
        let is_admin = self.organization == Some(OrganizationRole::Admin);
        match needs(action) {
            Needs::Organization(least) => {
                of(self.organization.is_some_and(|role| role >= least), self.organization.is_some())
            }
            Needs::Project(roles) => {
                of(is_admin || self.project.is_some_and(|role| roles.contains(&role)), self.project.is_some())
            }
            Needs::SuperAdmin => of(false, true),
            Needs::Oneself | Needs::Rolecall => panic!("{action:?} guards no route as an action"),
        }
    }
}

/// A world with a project in the Default organization, one in another, and a caller of every kind.
async fn world() -> (World, Vec<Caller>) {
    let world = World::at_work().await;
    world.project("default", "acme-prod").await;
    world.organization("other").await;
    world.project("other", "other-prod").await;
    world.service("other-prod", "secret").await;
    let mut callers = vec![Caller {
        name: "admin".to_owned(),
        client: world.admin().await,
        organization: Some(OrganizationRole::Admin),
        project: None,
        superadmin: true,
    }];
    let organization_roles = OrganizationRole::ALL.iter().map(|role| (Some(*role), None));
    let project_roles = ProjectRole::ALL.iter().flat_map(|role| {
        // A member of a project is at least a member of its organization.
        [(Some(OrganizationRole::Member), Some(*role)), (Some(OrganizationRole::Editor), Some(*role))]
    });
    for (organization, project) in [(None, None)].into_iter().chain(organization_roles).chain(project_roles) {
        let words =
            [organization.map_or("none", OrganizationRole::word), project.map_or("none", ProjectRole::word)];
        let name = words.join("_");
        let client = world.account(&name, organization, project.map(|role| ("acme-prod", role))).await;
        callers.push(Caller { name, client, organization, project, superadmin: false });
    }
    (world, callers)
}

fn path(spec: &Spec, organization: &str, project: &str, service: &str) -> String {
    spec.path
        .replace("{org}", organization)
        .replace("{project}", project)
        .replace("{service}", service)
        .replace("{username}", "nobody_here")
        .replace("{name}", "nothing_here")
}

/// Calls a route with a body that names what it must and is wrong beside, so that nothing is made.
async fn call(client: &Client, spec: &Spec, path: &str, project: &str) -> Answer {
    let is_api = spec.path.starts_with("/api/");
    let (kind, body) = match (is_api, spec.takes.is_some()) {
        (true, true) if spec.path == "/api/v1/projects" => {
            ("application/json", json!({ "name": "Bad Name" }).to_string())
        }
        (true, _) => ("application/json", "{".to_owned()),
        (false, _) => {
            ("application/x-www-form-urlencoded", format!("project={project}&name=Bad+Name&username=b"))
        }
    };
    let kind = (!spec.method.is_safe()).then_some(kind);
    client.send(spec.method.clone(), path, kind, if spec.method.is_safe() { "" } else { &body }).await
}

fn is_api(spec: &Spec) -> bool {
    spec.path.starts_with("/api/")
}

#[tokio::test]
async fn every_route_says_who_may_call_it_and_the_open_ones_are_few() {
    let world = World::new().await;
    let mut page =
        "Every route, and who may call it. The Open and Bearer ones may only become fewer.\n".to_owned();
    let mut lines: Vec<_> = world
        .routed
        .specs
        .iter()
        .map(|spec| {
            let guard = match spec.guard {
                Some(Guard::Action(action)) => action.name().to_owned(),
                Some(Guard::Own(action)) => format!("oneself ({})", action.name()),
                Some(Guard::Bearer(action)) => format!("BEARER ({})", action.name()),
                Some(Guard::Open) => "OPEN".to_owned(),
                None => panic!("{} {} is guarded by nothing", spec.method, spec.path),
            };
            format!("{} {} {} → {guard}", spec.method, spec.path, spec.status.as_u16())
        })
        .collect();
    let open = lines.iter().filter(|line| line.ends_with("OPEN") || line.contains("BEARER")).count();
    assert!(open <= 13, "{open} routes are open to anybody: let one in only after thinking twice");
    lines.sort_by_key(|line| line.split(' ').skip(1).map(str::to_owned).collect::<Vec<_>>());
    for line in lines {
        writeln!(page, "{line}").unwrap();
    }
    must_be_committed("crates/rolecall/src/refusals.txt", &page);
}

#[tokio::test]
async fn nobody_is_sent_to_sign_in() {
    let (world, _) = world().await;
    for spec in world.routed.specs.iter() {
        let path = path(spec, "default", "acme-prod", "pg");
        let answer = call(&world.nobody(), spec, &path, "acme-prod").await;
        let asked = format!("{} {path}: {} {}", spec.method, answer.code, answer.body);
        if matches!(spec.guard, Some(Guard::Open | Guard::Bearer(_))) {
            assert!(![401, 403, 404].contains(&answer.code.as_u16()), "{asked}");
        } else if is_api(spec) {
            assert_eq!((answer.code.as_u16(), answer.problem()), (401, "not_signed_in"), "{asked}");
        } else {
            assert_eq!(answer.code, 303, "{asked}");
            assert!(answer.header("location").starts_with("/sign-in?next="), "{asked}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn every_role_may_what_the_table_says_and_nothing_else() {
    let (world, callers) = world().await;
    let mut wrong = String::new();
    for spec in world.routed.specs.iter() {
        let Some(Guard::Action(action)) = spec.guard else { continue };
        let path = path(spec, "default", "acme-prod", "pg");
        for caller in &callers {
            world.service("acme-prod", "pg").await;
            let answer = call(&caller.client, spec, &path, "acme-prod").await;
            let expected = caller.expects(action);
            let found = match answer.code.as_u16() {
                403 => Expected::TooLow,
                404 if action.on() != "Project" || !is_thing_missing(spec) => Expected::Unknown,
                404 if expected == Expected::Unknown => Expected::Unknown,
                401 => panic!("{}: {}", caller.name, answer.body),
                _ => Expected::Allowed,
            };
            let has_decision = found != Expected::TooLow || answer.body.contains("decision");
            if found != expected || !has_decision || answer.code.as_u16() == 500 {
                writeln!(
                    wrong,
                    "{} {path} as {}: {expected:?}, not {} {}",
                    spec.method,
                    caller.name,
                    answer.code,
                    answer.body.chars().take(200).collect::<String>()
                )
                .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    world.stop().await;
}

/// Whether the route is about something inside the service, which isn't there.
fn is_thing_missing(spec: &Spec) -> bool {
    spec.path.contains("{username}") || spec.path.contains("{name}")
}

#[tokio::test]
async fn whoever_is_signed_in_may_ask_about_themselves() {
    let (world, callers) = world().await;
    for spec in world.routed.specs.iter().filter(|spec| matches!(spec.guard, Some(Guard::Own(_)))) {
        for caller in
            callers.iter().filter(|caller| !spec.path.contains("{org}") || caller.organization.is_some())
        {
            if ["/sign-out", "/api/v1/logout"].contains(&spec.path) {
                continue; // Tried where signing out is.
            }
            let path = path(spec, "default", "acme-prod", "pg");
            let answer = call(&caller.client, spec, &path, "acme-prod").await;
            assert!(answer.code.is_success() || answer.code.is_redirection(), "{path} {}", answer.body);
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn a_page_of_an_organization_is_unknown_to_whoever_has_no_part_in_it() {
    let (world, _) = world().await;
    let eve = world.account("eve", Some(OrganizationRole::Admin), None).await;
    let own = |spec: &&Spec| matches!(spec.guard, Some(Guard::Own(_))) && spec.path.contains("{org}");
    for spec in world.routed.specs.iter().filter(own) {
        for organization in ["other", "no-such-organization"] {
            let path = path(spec, organization, "other-prod", "secret");
            let answer = call(&eve, spec, &path, "other-prod").await;
            assert_eq!(answer.code, 404, "{path}: {}", answer.body);
        }
        call(&eve, spec, &path(spec, "default", "acme-prod", "pg"), "acme-prod").await.status(200);
    }
    world.stop().await;
}

/// How many rows the tables hold that a request could change.
async fn rows(world: &World) -> Vec<(i64,)> {
    let mut counts = Vec::new();
    for text in [
        "SELECT COUNT(*) FROM project",
        "SELECT COUNT(*) FROM project_member",
        "SELECT COUNT(*) FROM service WHERE wanted = 'running'",
        "SELECT COUNT(*) FROM service_user",
        "SELECT COUNT(*) FROM organization_member",
    ] {
        counts.extend(look!(world, (i64,), text));
    }
    counts
}

#[tokio::test]
async fn ids_of_another_organization_are_unknown_wherever_they_stand() {
    let (world, _) = world().await;
    let eve =
        world.account("eve", Some(OrganizationRole::Admin), Some(("acme-prod", ProjectRole::Admin))).await;
    let before = rows(&world).await;
    for spec in world.routed.specs.iter().filter(|spec| matches!(spec.guard, Some(Guard::Action(_)))) {
        let mut swapped = Vec::new();
        if spec.path.contains("{project}") {
            swapped.push(path(spec, "default", "other-prod", "secret"));
            swapped.push(path(spec, "default", "no-such-project", "secret"));
        }
        if spec.path.contains("{org}") {
            swapped.push(path(spec, "other", "acme-prod", "pg"));
            swapped.push(path(spec, "other", "other-prod", "secret"));
            swapped.push(path(spec, "no-such-organization", "acme-prod", "pg"));
        }
        let mut answers = Vec::new();
        for path in &swapped {
            let answer = call(&eve, spec, path, "other-prod").await;
            assert_eq!(answer.code, 404, "{} {path}: {}", spec.method, answer.body);
            answers.push(answer.body);
        }
        // What is another's and what is not there cannot be told apart.
        assert!(answers.iter().all(|body| *body == answers[0]), "{} {}", spec.method, spec.path);
    }
    // A project named in a form, and a service of another project of one's own path.
    let form = "project=other-prod&name=new-one&username=b&host=h&password=p";
    for act in ["new", "attach"] {
        let answer = eve.form(&format!("/o/default/services/{act}"), form).await;
        assert_eq!(answer.code, 404, "{act}: {}", answer.body);
    }
    assert_eq!(eve.get("/api/v1/projects/acme-prod/services/secret").await.code, 404);
    assert_eq!(rows(&world).await, before);
    world.stop().await;
}

#[tokio::test]
async fn an_organization_named_in_a_body_or_header_is_checked_like_one_in_the_path() {
    let (world, _) = world().await;
    let eve = world.account("eve", Some(OrganizationRole::Admin), None).await;
    for organization in ["other", "nowhere", "", "DEFAULT", "default ", "*"] {
        let new = json!({ "name": "mine", "organization": organization });
        assert_eq!(eve.post("/api/v1/projects", &new).await.status(404).problem(), "not_found");
        let elsewhere = eve.clone().header("rolecall-organization", organization);
        assert_eq!(
            elsewhere.post("/api/v1/projects", &json!({ "name": "mine" })).await.code,
            404,
            "{organization}"
        );
        assert_eq!(elsewhere.get("/api/v1/projects").await.code, 404, "{organization}");
    }
    assert!(look!(world, (String,), "SELECT name FROM project WHERE name = 'mine'").is_empty());
    world.stop().await;
}
