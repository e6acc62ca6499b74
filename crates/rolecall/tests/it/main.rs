//! The real program, from outside: its server, its commands, real databases.

mod browser;
mod commands;
mod driver;
mod program;
mod terminal;
