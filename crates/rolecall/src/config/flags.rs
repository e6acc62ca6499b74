//! The flags of `rolecall serve`, made from the table of settings.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::{Form, SETTINGS};
use crate::ground::secret::Secret;

/// The settings that were given as flags. Put it into a command with `#[command(flatten)]`.
#[derive(Clone, Debug, Default)]
pub struct Flags(Vec<(&'static str, Secret)>);

impl Flags {
    /// Flags as if somebody had typed them: `("listen", "127.0.0.1:0")`, by key.
    #[must_use]
    pub fn of(given: &[(&'static str, &str)]) -> Self {
        Flags(given.iter().map(|(key, value)| (*key, Secret::new(*value))).collect())
    }

    pub(super) fn get(&self, key: &str) -> Option<&Secret> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().filter_map(|setting| Some((setting, setting.flag?))).fold(
            command,
            |command, (setting, flag)| {
                let help = match setting.default {
                    "" => format!("{} [{}]", setting.doc, setting.variable),
                    default => format!("{} [{}; default {default}]", setting.doc, setting.variable),
                };
                let arg = Arg::new(setting.key).long(flag).help(help).help_heading(setting.group);
                command.arg(match setting.form {
                    Form::Switch => arg
                        .num_args(0..=1)
                        .require_equals(true)
                        .default_missing_value("true")
                        .value_name("true|false"),
                    Form::Text(kind) | Form::Number(kind) | Form::List(kind, _) => arg.value_name(kind),
                })
            },
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = SETTINGS.iter().filter(|setting| setting.flag.is_some()).filter_map(|setting| {
            let text = matches.get_one::<String>(setting.key)?;
            Some((setting.key, Secret::new(text.as_str())))
        });
        Ok(Flags(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
