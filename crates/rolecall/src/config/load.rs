//! Gathers the settings from their sources.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::values::Given;
use super::{
    Config, ConfigError, ConfigErrors, Form, Inputs, OTHER_VARIABLES, SETTINGS, Setting, Source, StoreAddress,
};
use crate::ground::secret::Secret;

const DEFAULT_FILE: &str = "rolecall.toml";

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn load(inputs: &Inputs) -> Result<Config, ConfigErrors> {
        let mut errors = Vec::new();
        let file = read_file(inputs, &mut errors);
        let mut config = Config::blank();
        for setting in SETTINGS {
            let Some((source, given)) = find(setting, inputs, file.as_ref(), &mut errors) else { continue };
            if let Err(advice) = (setting.set)(&mut config, &given) {
                errors.push(wrong(setting, source, Some(&given), advice));
            }
        }
        config.check_pairs(&mut errors);
        if !errors.is_empty() {
            return Err(ConfigErrors(errors));
        }
        config.make_paths_absolute(&inputs.folder);
        config.warnings = unknown_variables(inputs);
        Ok(config)
    }

    fn check_pairs(&self, errors: &mut Vec<ConfigError>) {
        let pairs = [
            ("tls_cert", self.tls_cert.is_some(), "tls_key", self.tls_key.is_some()),
            ("smtp_url", self.smtp_url.is_some(), "mail_from", self.mail_from.is_some()),
        ];
        for (one, has_one, other, has_other) in pairs {
            if has_one != has_other {
                let (given, missing) = if has_one { (one, other) } else { (other, one) };
                errors.push(ConfigError::Alone { given, missing });
            }
        }
    }

    fn make_paths_absolute(&mut self, folder: &Path) {
        let absolute = |path: &mut PathBuf| *path = folder.join(&*path).components().collect();
        absolute(&mut self.data);
        if let StoreAddress::Sqlite(path) = &mut self.store {
            if let Ok(below) = path.strip_prefix("<data>") {
                *path = self.data.join(below);
            }
            absolute(path);
        }
        self.tls_cert.iter_mut().chain(&mut self.tls_key).for_each(absolute);
        self.postgresql_folders.iter_mut().chain(&mut self.sqlite_folders).for_each(absolute);
    }
}

struct File {
    path: PathBuf,
    table: toml::Table,
}

/// The configuration file, if there is one; what is wrong with it goes to `errors`.
fn read_file(inputs: &Inputs, errors: &mut Vec<ConfigError>) -> Option<File> {
    let named = inputs.flags.get("config").or_else(|| variable(inputs, "ROLECALL_CONFIG"));
    let path = inputs.folder.join(named.map_or(DEFAULT_FILE, Secret::expose));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Secret::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => return None,
        Err(error) => {
            errors.push(ConfigError::CannotRead { file: path, reason: error.to_string() });
            return None;
        }
    };
    let table: toml::Table = match toml::from_str(text.expose()) {
        Ok(table) => table,
        Err(error) => {
            // The error's own text would show the line, and with it perhaps a password.
            let before = error.span().and_then(|span| text.expose().get(..span.start)).unwrap_or_default();
            let (line, message) = (before.matches('\n').count() + 1, error.message().to_owned());
            errors.push(ConfigError::NotToml { file: path, line, message });
            return None;
        }
    };
    for key in table.keys() {
        if let Some(advice) = refuse_key(key) {
            errors.push(ConfigError::UnknownKey { file: path.clone(), key: key.clone(), advice });
        }
    }
    Some(File { path, table })
}

fn refuse_key(key: &str) -> Option<String> {
    match SETTINGS.iter().find(|setting| setting.key == key) {
        Some(setting) if setting.in_file => None,
        Some(setting) => Some(format!("set it by {} instead", setting.variable)),
        None => Some(match SETTINGS.iter().find(|setting| setting.in_file && are_alike(setting.key, key)) {
            Some(meant) => format!("did you mean {}?", meant.key),
            None => "see the manual's page on configuration for those there are".to_owned(),
        }),
    }
}

/// What the strongest source says about a setting.
fn find(
    setting: &'static Setting,
    inputs: &Inputs,
    file: Option<&File>,
    errors: &mut Vec<ConfigError>,
) -> Option<(Source, Given)> {
    if let Some((flag, text)) = setting.flag.and_then(|flag| Some((flag, inputs.flags.get(setting.key)?))) {
        return Some((Source::Flag(flag), split(setting, text.expose())));
    }
    if let Some(text) = variable(inputs, setting.variable) {
        return Some((Source::Environment(setting.variable), split(setting, text.expose())));
    }
    if let Some((file, value)) = file.and_then(|file| Some((file, file.table.get(setting.key)?))) {
        let source = Source::File(file.path.clone());
        return match from_toml(setting, value) {
            Ok(given) => Some((source, given)),
            Err(advice) => {
                // A key that may not stand in the file was refused before.
                if setting.in_file {
                    errors.push(wrong(setting, source, None, advice));
                }
                None
            }
        };
    }
    (!setting.default.is_empty()).then(|| (Source::Default, split(setting, setting.default)))
}

/// A variable's value. An empty one counts as not set: that is how compose files and units leave one out.
fn variable<'a>(inputs: &'a Inputs, name: &str) -> Option<&'a Secret> {
    let found = inputs.environment.iter().find(|(variable, _)| variable == name);
    found.map(|(_, value)| value).filter(|value| !value.is_empty())
}

fn split(setting: &Setting, text: &str) -> Given {
    Given(match setting.form {
        Form::List(_, separator) => {
            text.split(separator).map(str::trim).filter(|item| !item.is_empty()).map(Secret::new).collect()
        }
        _ => vec![Secret::new(text)],
    })
}

fn from_toml(setting: &Setting, value: &toml::Value) -> Result<Given, String> {
    match (value, setting.form) {
        (toml::Value::String(text), _) => Ok(split(setting, text)),
        (toml::Value::Integer(number), Form::Number(_)) => Ok(Given(vec![Secret::new(number.to_string())])),
        (toml::Value::Boolean(switch), Form::Switch) => Ok(Given(vec![Secret::new(switch.to_string())])),
        (toml::Value::Array(items), Form::List(..)) => {
            let texts = items.iter().map(|item| item.as_str().map(Secret::new));
            texts.collect::<Option<Vec<_>>>().map(Given).ok_or_else(|| "write a list of texts".to_owned())
        }
        (_, Form::Text(_)) => Err("write a text in quotes".to_owned()),
        (_, Form::Number(_)) => Err("write a whole number".to_owned()),
        (_, Form::Switch) => Err("write true or false".to_owned()),
        (_, Form::List(..)) => Err("write a list of texts".to_owned()),
    }
}

fn wrong(
    setting: &'static Setting,
    source_name: Source,
    given: Option<&Given>,
    advice: String,
) -> ConfigError {
    // The store's address may hold a password as well.
    let hidden = setting.secret || setting.key == "store";
    let shown = given.filter(|_| !hidden).map_or(String::new(), |given| {
        let items: Vec<String> =
            given.0.iter().map(|item| item.expose().chars().take(80).collect()).collect();
        format!(" (“{}”)", items.join(", "))
    });
    ConfigError::WrongValue { key: setting.key, source_name, shown, advice }
}

/// Not an error: Kubernetes puts variables such as `ROLECALL_SERVICE_HOST` into every container beside a service of
/// our name.
fn unknown_variables(inputs: &Inputs) -> Vec<String> {
    let known = |name: &str| {
        OTHER_VARIABLES.contains(&name) || SETTINGS.iter().any(|setting| setting.variable == name)
    };
    let unknown = inputs
        .environment
        .iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("ROLECALL_") && !known(name));
    let sentence = |name: &String| match SETTINGS.iter().find(|setting| are_alike(setting.variable, name)) {
        Some(meant) => format!("{name} is no setting and is ignored: did you mean {}?", meant.variable),
        None => format!("{name} is no setting and is ignored."),
    };
    unknown.map(sentence).collect()
}

/// Whether at most two letters were changed, left out or put in.
fn are_alike(one: &str, two: &str) -> bool {
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (index, a) in one.bytes().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (b, above) in two.bytes().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().is_some_and(|distance| *distance <= 2)
}
