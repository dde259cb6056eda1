//! The model of a database engine: values, types, syntax, storage, plans. No network, and nothing that waits.

pub mod ast;
pub mod calendar;
pub mod convert;
#[cfg(test)]
mod convert_tests;
pub mod error;
pub mod lexer;
pub mod parse;
pub mod seed;
pub mod server;
pub mod storage;
pub mod types;
pub mod value;
