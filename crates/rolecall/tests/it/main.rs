//! The real program, from outside: its server, its commands, real databases.

mod commands;
mod program;
mod terminal;
