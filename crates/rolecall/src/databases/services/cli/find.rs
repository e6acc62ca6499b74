//! Which service a command means: by its name, or by its kind where there is one of it.

use super::show::Service;
use crate::ground::cli::{Context, Failure, ListOptions, Path, read};

/// Words for PostgreSQL that may stand for the only such service of a project.
const KIND: [&str; 4] = ["postgresql", "psql", "pgsql", "postgres"];

/// Where the service of this name is.
///
/// # Errors
/// When it cannot be a name, or no project was given.
pub fn at(context: &Context, name: &str) -> Result<Path, Failure> {
    Path::of(&["projects", context.project()?, "services", name])
}

/// Where the service is that `--service` names.
///
/// # Errors
/// When a kind was given, and the project has none or several of it.
pub async fn named(context: &Context) -> Result<Path, Failure> {
    let said = context.service()?;
    if !KIND.contains(&said.to_ascii_lowercase().as_str()) {
        return at(context, said);
    }
    let path = Path::of(&["projects", context.project()?, "services"])?;
    let items = context.client.list(&path, &ListOptions::default()).await?;
    let services = items.into_iter().map(read).collect::<Result<Vec<Service>, _>>()?;
    at(context, choose(said, &services, context.project()?)?)
}

fn choose<'a>(said: &'a str, services: &'a [Service], project: &str) -> Result<&'a str, Failure> {
    if services.iter().any(|service| service.name == said) {
        return Ok(said);
    }
    let names: Vec<_> =
        services.iter().filter(|one| one.engine == "postgresql").map(|one| one.name.as_str()).collect();
    match names.as_slice() {
        [only] => Ok(only),
        [] => Err(Failure::not_found(format!(
            "Project \"{project}\" has no PostgreSQL service; make one with `rolecall service create`."
        ))),
        _ => Err(Failure::usage(format!(
            "Project \"{project}\" has several PostgreSQL services; name one: {}.",
            names.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn services(named: &[(&str, &str)]) -> Vec<Service> {
        let service = |(name, engine): &(&str, &str)| {
            serde_json::from_value(json!({
                "name": name, "engine": engine, "mode": "managed", "state": "running", "version": "17", "host": "h",
                "port": 1, "database": "d", "tls": "required", "created_at": "",
            }))
        };
        named.iter().map(|one| service(one).unwrap()).collect()
    }

    #[test]
    fn a_kind_stands_for_the_only_service_of_it() {
        let one = services(&[("main", "postgresql"), ("other", "influxdb")]);
        assert_eq!(choose("psql", &one, "p"), Ok("main"));
        let two = services(&[("main", "postgresql"), ("more", "postgresql")]);
        let failure = choose("postgresql", &two, "p").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "Project \"p\" has several PostgreSQL services; name one: main, more."
        );
        assert_eq!(failure.exit() as u8, 2);
        assert_eq!(choose("pgsql", &[], "p").unwrap_err().exit() as u8, 4);
    }

    #[test]
    fn a_service_that_is_called_like_a_kind_is_itself() {
        let both = services(&[("main", "postgresql"), ("postgres", "postgresql")]);
        assert_eq!(choose("postgres", &both, "p"), Ok("postgres"));
    }
}
