//! What `--status` shows: a file in the connector's folder, written anew whenever something in it changes. There is no secret
//! in it. Whether the process still lives, its lock says.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::feed::{Now, Standing};
use super::kept::{Folder, FolderError, Known};
use super::way_back::WayBack;
use crate::domain::Timestamp;

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The appliance's URL.
    pub url: String,
    /// The name that its administrators chose.
    pub appliance: String,
    /// `connecting`, `connected`, `waiting`, `signed-out` or `stopped`.
    pub state: String,
    /// Why it is so, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Since when.
    pub since: String,
    /// Who has signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The databases, by alias.
    pub databases: Vec<String>,
    /// Where programs connect.
    pub listening: Vec<SocketAddr>,
    /// How many are connected.
    pub sessions: usize,
    /// Who is let in: `same-user`, `local-token` or `everybody`.
    pub lets_in: String,
    /// The file with the local token, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_token_file: Option<PathBuf>,
    /// Where the credential is kept.
    pub credential: String,
    /// What lets it in again, should it be `signed-out`: `sign-in`, `enrol` or `secret`.
    #[serde(default)]
    pub way_back: WayBack,
    /// The process.
    pub pid: u32,
}

impl Status {
    /// Of a process that has taken the lock, and does not serve yet: somebody may have to sign in first.
    pub fn opening(known: &Known, time: Timestamp) -> Self {
        Self {
            url: known.place.to_string(),
            appliance: known.name.clone(),
            state: "connecting".to_owned(),
            why: None,
            since: time.to_string(),
            account: None,
            databases: Vec::new(),
            listening: Vec::new(),
            sessions: 0,
            lets_in: String::new(),
            local_token_file: None,
            credential: String::new(),
            way_back: WayBack::default(),
            pid: std::process::id(),
        }
    }

    /// The process ends before it has served.
    pub fn end(&mut self, signed_out: bool, why: String, time: Timestamp) {
        self.turn(if signed_out { "signed-out" } else { "stopped" }, Some(why), time);
    }

    /// Takes in what is known now.
    pub(super) fn update(&mut self, now: &Now, sessions: usize, time: Timestamp) {
        let (state, why) = match &now.standing {
            Standing::Connecting => ("connecting", None),
            Standing::Connected => ("connected", None),
            Standing::Waiting(why) => ("waiting", Some(why.clone())),
            Standing::SignedOut(why) => ("signed-out", Some(why.clone())),
        };
        self.turn(state, why, time);
        self.sessions = sessions;
        if let Some(document) = &now.document {
            self.account = Some(document.account.name.clone());
            self.databases = document.databases.iter().map(|database| database.alias.clone()).collect();
        }
    }

    /// The process ends.
    pub(super) fn stop(&mut self, time: Timestamp) {
        self.sessions = 0;
        if self.state != "signed-out" {
            self.turn("stopped", None, time);
        }
    }

    fn turn(&mut self, state: &str, why: Option<String>, time: Timestamp) {
        if self.state != state {
            (self.state, self.since) = (state.to_owned(), time.to_string());
        }
        self.why = why;
    }

    /// The last one that was written.
    pub fn read(folder: &Folder) -> Result<Option<Self>, FolderError> {
        folder.read(STATUS)
    }

    /// Writes it in place of the last one.
    pub fn write(&self, folder: &Folder) -> Result<(), FolderError> {
        folder.write(STATUS, self)
    }
}

const STATUS: &str = "status.json";
