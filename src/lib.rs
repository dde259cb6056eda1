//! Gatehouse: an automatic-TLS SQL gateway, local sign-in and appliance in front of Microsoft SQL Server.
//!
//! This file is the map of the house. Each room has a rank, and imports only rooms of a lower rank;
//! `tests/it/architecture.rs` reads the sources and fails on a breach. What must travel upward travels
//! as [`domain::event::Event`]s, which `app` wires, or through a small trait that the asking room owns.
//!
//! | rank | rooms |
//! |---|---|
//! | 0 | `domain` |
//! | 1 | `tds`, `config`, `platform` |
//! | 2 | `telemetry`, `store`, `sql`, `wire` |
//! | 3 | `audit`, `notify`, `tls`, `upstream` |
//! | 4 | `door`, `identity`, `estate` |
//! | 5 | `gateway`, `sample`, `workstation` |
//! | 6 | `connector`, `state` |
//! | 7 | `admin` |
//! | 8 | `web` |
//! | 9 | `app` |
//! | 10 | `cli` |
//!
//! `domain` and `tds` know no tokio. `store` alone names sled, `sql` alone names tiberius,
//! `notify` alone lettre.

// r0: pure types: ids, secrets, sides, access levels, events, timestamps.
pub mod domain;

// r1: the settings: sections, sources and their precedence, provenance, the generated reference.
pub mod config;
// r1: what the operating system gives: clock, signals, files and rights, tasks, bounded pools, systemd.
pub mod platform;
// r1: MS-TDS without I/O: packets, PRELOGIN, LOGIN7, tokens, SMP, requests.
pub mod tds;

// r2: the appliance's own SQL client over tiberius.
pub mod sql;
// r2: typed tables over sled, transactions, migrations, sealing of secrets, export.
pub mod store;
// r2: logs, with secrets kept out.
pub mod telemetry;
// r2: TDS over tokio: packet reading and writing, TLS inside PRELOGIN.
pub mod wire;

// r3: the append-only, hash-chained record of who did what.
pub mod audit;
// r3: what the appliance tells people by itself: mail.
pub mod notify;
// r3: the certificates that the appliance shows: own authority, files, ACME, resolver with hot swap.
pub mod tls;
// r3: the way to a SQL Server: addresses, PRELOGIN, TLS by the server's rule, what was met there.
pub mod upstream;

// r4: listeners, bound first and served later; limits on what has not signed in; the sniffer of first bytes.
pub mod door;
// r4: servers, databases, grants and their SQL logins.
pub mod estate;
// r4: accounts, groups, devices, passes, tokens, passwords, throttling.
pub mod identity;

// r5: TDS sessions: handshake, sign-in, authorisation, dial, relay, registry.
pub mod gateway;
// r5: the sample SQL Server that `demo` and the tests run against.
pub mod sample;
// r5: what workstations are told: discovery, configuration, connection strings, integrations, downloads.
pub mod workstation;

// r6: what runs on workstations: finding an appliance, and `gatehouse connect`.
pub mod connector;
// r6: what is in the data folder, opened: the store, the audit, and the services over them.
pub mod state;

// r7: the administration service: what the command line, the dashboard and the API ask for, and who may.
pub mod admin;

// r8: the pages and endpoints served over HTTPS.
pub mod web;

// r9: composition: build, bind, ready, run, drain, stop; the administration service's local socket.
pub mod app;

// r10: the command line, one file a command.
pub mod cli;
