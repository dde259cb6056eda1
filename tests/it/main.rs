//! The integration tests: one file a behaviour.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and are not the product"
)]

mod accounts;
mod acme;
mod acme_failures;
mod addresses;
mod admin;
mod admin_cli;
mod appliance;
mod architecture;
mod audit;
mod authority_scope;
mod bad_input;
mod browsers;
mod canary;
mod certificate_choice;
mod certificate_import;
mod command_line;
mod connection_strings;
mod connector;
mod connector_device;
mod connector_key;
mod connector_program;
mod connector_ways;
mod consent_browser;
mod dependencies;
mod dial;
mod discovery;
mod door_limits;
mod estate;
mod flood;
mod fuzz_corpus;
mod gateway_drivers;
mod gateway_handshake;
mod gateway_leaks;
mod gateway_relay;
mod gateway_servers;
mod gateway_sessions;
mod gateway_sign_in;
mod hot_swap;
mod integrations;
mod mail;
mod mail_failures;
mod mail_restart;
mod monitoring;
mod oauth;
mod one_port;
mod own_authority;
mod own_sql_client;
mod packaging;
mod passwords;
mod plain_http;
mod process;
mod process_life;
mod reference;
mod sample_server;
mod sample_wire;
mod second_factor;
mod set_up;
mod short_keys;
mod sign_in;
mod sql_browser;
mod state_file;
mod store;
mod support;
mod tds_differential;
mod tds_memory;
mod throttling;
mod tls_scans;
mod token_scopes;
mod trust_install;
mod web_access;
mod web_account;
mod web_account_password;
mod web_oauth;
mod web_pages;
mod web_sessions;
mod web_set_up;
mod web_sign_in;
mod web_sign_in_browser;
mod web_sign_in_passkeys;
mod web_workstation;
mod web_workstation_browser;
mod web_workstation_devices;
mod web_workstation_page;
mod wire_tunnel;
mod without_ecdsa;
mod workstation_config;
mod workstation_documents;
