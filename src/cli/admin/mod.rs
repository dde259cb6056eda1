//! `gatehouse admin`: accounts, groups, devices, passes, tokens, clients, servers, databases, grants, sessions, settings,
//! certificates, mail; one file a noun.
//!
//! A noun turns its arguments into requests to the administration service. [`reach`] brings them there: to the running
//! appliance through its socket, or to the data folder while it is stopped. [`show`] prints the answers.

mod account;
mod address;
mod certificate;
mod client;
mod database;
mod device;
mod grant;
mod group;
pub(super) mod input;
mod integration;
mod integration_show;
mod mail;
mod pass;
pub(super) mod reach;
mod server;
mod server_trust;
mod session;
mod setting;
mod show;
mod table;
mod token;

use super::Settings;
use reach::Reach;

#[derive(Debug, clap::Args)]
pub(super) struct Admin {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Debug, clap::Subcommand)]
enum Noun {
    /// People and services that sign in
    #[command(subcommand)]
    Account(account::Command),
    /// From where gateway logins may come
    #[command(subcommand)]
    Address(address::Command),
    /// Accounts that get grants together
    #[command(subcommand)]
    Group(group::Command),
    /// Enrolled workstations
    #[command(subcommand)]
    Device(device::Command),
    /// Short-lived passwords for SQL drivers
    #[command(subcommand)]
    Pass(pass::Command),
    /// Access tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Programs that may ask people to let them in (OAuth)
    #[command(subcommand)]
    Client(client::Command),
    /// SQL Servers
    #[command(subcommand)]
    Server(server::Command),
    /// Database aliases: what workstations call a database
    #[command(subcommand)]
    Database(database::Command),
    /// Who may use which database, and through which SQL login
    #[command(subcommand)]
    Grant(grant::Command),
    /// Services beside the databases that workstations are told of
    #[command(subcommand)]
    Integration(integration::Command),
    /// Live sessions of the running appliance
    #[command(subcommand)]
    Session(session::Command),
    /// Settings that can be chosen while the appliance runs
    #[command(subcommand)]
    Setting(setting::Command),
    /// The certificates that the appliance shows
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// The mail that the appliance sends
    #[command(subcommand)]
    Mail(mail::Command),
}

impl Admin {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let mut reach = Reach::of(settings)?;
        match &self.noun {
            Noun::Account(command) => command.run(&mut reach, self.json),
            Noun::Address(command) => command.run(&mut reach, self.json),
            Noun::Group(command) => command.run(&mut reach, self.json),
            Noun::Device(command) => command.run(&mut reach, self.json),
            Noun::Pass(command) => command.run(&mut reach, self.json),
            Noun::Token(command) => command.run(&mut reach, self.json),
            Noun::Client(command) => command.run(&mut reach, self.json),
            Noun::Server(command) => command.run(&mut reach, self.json),
            Noun::Database(command) => command.run(&mut reach, self.json),
            Noun::Grant(command) => command.run(&mut reach, self.json),
            Noun::Integration(command) => command.run(&mut reach, self.json),
            Noun::Session(command) => command.run(&mut reach, self.json),
            Noun::Setting(command) => command.run(&mut reach, self.json),
            Noun::Certificate(command) => command.run(&mut reach, self.json),
            Noun::Mail(command) => command.run(&mut reach, self.json),
        }
    }
}
