//! The command from outside: one module a theme, each test in a folder of its own.

mod build;
mod code;
mod folder;
mod jobs;
mod large;
mod objects;
mod targets;
mod usage;
