//! Statements of a few words: variables, SET, PRINT, RAISERROR and THROW, WAITFOR, USE, KILL.

use std::sync::Arc;
use std::time::Duration;

use super::batch::{Flow, Outcome, Problem, Run, Stop};
use super::engine::ast::{Expr, Kind, SetValue};
use super::engine::convert::cast;
use super::engine::error::SqlError;
use super::engine::types::{MAX, SqlType};
use super::engine::value::Value;
use crate::tds::token::{EnvChange, EnvKind};

impl Run<'_> {
    /// A statement of a few words.
    pub async fn small(&mut self, kind: &Kind) -> Outcome {
        match kind {
            Kind::Declare(variables) => {
                for (name, ty, value) in variables {
                    if self.variables.contains_key(name) {
                        return Err(SqlError::redeclared(name).into());
                    }
                    let value = match value {
                        Some(value) => self.value_as(value, *ty).await?,
                        None => Value::Null,
                    };
                    self.variables.insert(name.clone(), (*ty, value));
                }
            }
            Kind::SetVariable { name, value } => {
                let ty = self.variables.get(name).ok_or_else(|| SqlError::undeclared(name))?.0;
                let value = self.value_as(value, ty).await?;
                self.variables.insert(name.clone(), (ty, value));
            }
            Kind::SetOption { names, value } => self.set_options(names, value).await?,
            Kind::IdentityInsert { table, on } => {
                let mut state = self.connected.state.lock().await;
                state.identity_insert = on.then(|| table.name.to_lowercase());
            }
            Kind::Print(value) => {
                let text = self.value_as(value, SqlType::NVarChar(4000)).await?;
                self.flush_done();
                self.reply.message(&SqlError::new(0, 0, text.as_text().unwrap_or_default()));
                self.reply.relieve().await?;
            }
            Kind::RaisError { .. } | Kind::Throw(_) => return self.raise(kind).await,
            Kind::WaitForDelay(delay) => {
                let delay = self.value_as(delay, SqlType::Time(7)).await?;
                let ticks = if let Value::Time(ticks) = delay { ticks } else { 0 };
                self.reply.relieve().await?;
                let wait = Duration::from_micros(u64::try_from(ticks / 10).unwrap_or(0));
                self.connected.shared.clock.sleep(wait).await;
            }
            Kind::Use(name) => self.use_database(name).await?,
            Kind::Kill(spid) => self.kill(spid).await?,
            _ => {}
        }
        Ok(Flow::Next)
    }

    async fn use_database(&mut self, name: &str) -> Result<(), Problem> {
        let mut state = self.connected.state.lock().await;
        let database = Arc::clone(self.connected.shared.server.open(&state.login, name)?);
        let before = std::mem::replace(&mut state.database, Arc::clone(&database));
        drop(state);
        *self.connected.info.database.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = database.name.clone();
        self.flush_done();
        self.reply.change(EnvChange::text(EnvKind::DATABASE, database.name.as_str(), before.name.as_str()));
        self.reply
            .message(&SqlError::new(5701, 0, format!("Changed database context to '{}'.", database.name)).state(1));
        Ok(())
    }

    async fn kill(&mut self, spid: &Expr) -> Result<(), Problem> {
        let spid = self.value_as(spid, SqlType::Int).await?.as_int().unwrap_or(0);
        if !self.connected.state.lock().await.login.administrator {
            return Err(SqlError::denied_on_server("KILL").into());
        }
        if spid == i64::from(self.connected.info.spid) {
            return Err(SqlError::kill_self().into());
        }
        let sessions = self.connected.shared.server.sessions();
        let session = sessions
            .into_iter()
            .find(|session| i64::from(session.spid) == spid)
            .ok_or_else(|| SqlError::unknown_spid(spid))?;
        session.kill.cancel();
        Ok(())
    }

    async fn raise(&mut self, kind: &Kind) -> Outcome {
        let number = |value: &Value| value.as_int().unwrap_or(0);
        let error = match kind {
            Kind::RaisError { message, severity, state, arguments, log } => {
                let (message, _) = self.value(message).await?;
                let severity = number(&self.value_as(severity, SqlType::Int).await?).clamp(0, 25);
                let state_number = number(&self.value_as(state, SqlType::Int).await?).clamp(0, 255);
                let mut values = Vec::new();
                for argument in arguments {
                    let (value, ty) = self.value(argument).await?;
                    values.push(cast(&value, ty, SqlType::NVarChar(MAX), 0)?);
                }
                if severity > 18 && !(*log && self.connected.state.lock().await.login.administrator) {
                    return Err(SqlError::severity_too_high().into());
                }
                let (number, text) = match &message {
                    Value::Int(number @ 50_001..=2_147_483_647) => {
                        let text = format!(
                            "The error {number} has the severity of level {severity} and was raised, but no message with that error number was found in sys.messages."
                        );
                        (i32::try_from(*number).unwrap_or(50_000), text)
                    }
                    Value::Int(number) => (
                        i32::try_from(*number).unwrap_or(50_000),
                        format!("Error {number}, severity {severity}, state {state_number}, raised on command."),
                    ),
                    other => (50_000, fill(other.as_text().unwrap_or_default(), &values)),
                };
                let mut error = SqlError::new(number, u8::try_from(severity).unwrap_or(16), text)
                    .state(u8::try_from(state_number).unwrap_or(1));
                if number == 1205 {
                    error = SqlError::deadlock(self.connected.info.spid);
                }
                error
            }
            Kind::Throw(Some((number_expr, message, state))) => {
                let number = number(&self.value_as(number_expr, SqlType::Int).await?);
                let message = self.value_as(message, SqlType::NVarChar(2048)).await?;
                let state = self.value_as(state, SqlType::TinyInt).await?.as_int().unwrap_or(1);
                if number < 50_000 {
                    return Err(SqlError::new(35_100, 16, format!("Error number {number} in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647.")).into());
                }
                let error =
                    SqlError::new(i32::try_from(number).unwrap_or(50_000), 16, message.as_text().unwrap_or_default());
                return self.thrown(error.state(u8::try_from(state).unwrap_or(1))).await;
            }
            _ => {
                let error = self.caught.clone().ok_or_else(|| {
                    SqlError::new(
                        10_704,
                        15,
                        "To rethrow an error, a THROW statement must be used inside a CATCH block.",
                    )
                })?;
                return self.thrown(error).await;
            }
        };
        if error.class <= 10 {
            self.flush_done();
            self.reply.message(&error);
            self.reply.relieve().await?;
            return Ok(Flow::Next);
        }
        Err(error.into())
    }

    /// THROW ends the batch, unless something catches it.
    async fn thrown(&mut self, error: SqlError) -> Outcome {
        if self.trying > 0 {
            return Err(error.into());
        }
        match self.settle(Err(error.into())).await {
            Ok(_) => Ok(Flow::Return),
            Err(Stop) => Err(Problem::Stop),
        }
    }

    async fn set_options(&mut self, names: &[String], value: &SetValue) -> Result<(), SqlError> {
        let mut state = self.connected.state.lock().await;
        let options = &mut state.options;
        let on = *value == SetValue::On;
        let number = if let SetValue::Number(n) = value { Some(*n) } else { None };
        for name in names {
            match name.as_str() {
                "xact_abort" => options.xact_abort = on,
                "nocount" => options.nocount = on,
                "fmtonly" => options.fmtonly = on,
                "noexec" | "parseonly" => options.noexec = on,
                "implicit_transactions" => options.implicit_transactions = on,
                "lock_timeout" => options.lock_timeout = number.unwrap_or(-1),
                "rowcount" => options.rowcount = number.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
                "isolation" => {
                    if let SetValue::Word(level) = value {
                        options.isolation.clone_from(level);
                    }
                }
                "language" => {
                    if let SetValue::Word(language) = value {
                        options.language.clone_from(language);
                    }
                }
                "ansi_nulls"
                | "ansi_padding"
                | "ansi_warnings"
                | "ansi_null_dflt_on"
                | "ansi_null_dflt_off"
                | "ansi_defaults"
                | "arithabort"
                | "arithignore"
                | "concat_null_yields_null"
                | "cursor_close_on_commit"
                | "numeric_roundabort"
                | "quoted_identifier"
                | "textsize"
                | "datefirst"
                | "dateformat"
                | "deadlock_priority"
                | "query_governor_cost_limit"
                | "remote_proc_transactions"
                | "forceplan"
                | "context_info"
                | "no_browsetable"
                | "statistics io"
                | "statistics time" => {}
                other => return Err(SqlError::new(195, 15, format!("'{other}' is not a recognized SET option."))),
            }
        }
        Ok(())
    }
}

/// RAISERROR's text with its `%s` and `%d` filled in.
fn fill(text: &str, values: &[Value]) -> String {
    let mut values = values.iter();
    let mut filled = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('%', Some('%')) => {
                rest.next();
                filled.push('%');
            }
            ('%', Some('s' | 'd' | 'i' | 'u' | 'x')) => {
                rest.next();
                filled.push_str(values.next().and_then(Value::as_text).unwrap_or("(null)"));
            }
            (c, _) => filled.push(c),
        }
    }
    filled
}
