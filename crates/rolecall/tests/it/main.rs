//! The real program, from outside: its server, its commands, real databases.

mod canary;
mod crash;
mod server;
