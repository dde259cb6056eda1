//! The model of a database engine: values, types, syntax, storage, plans. No network, and nothing that waits.

pub mod arithmetic;
pub mod ast;
pub mod bound;
pub mod calendar;
pub mod convert;
#[cfg(test)]
mod convert_tests;
pub mod error;
pub mod functions;
pub mod gather;
pub mod globals;
pub mod lexer;
pub mod like;
pub mod parse;
pub mod permission;
pub mod plan;
pub mod run;
pub mod seed;
pub mod server;
pub mod storage;
#[cfg(test)]
mod tests;
pub mod types;
pub mod value;
pub mod views;
pub mod world;
