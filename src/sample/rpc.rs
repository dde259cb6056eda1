//! Procedure calls: by RPC and by EXEC, the ones that run texts, and their way back with status and output parameters.

use super::batch::{Flow, Outcome, Problem, Run, Stop};
use super::codec;
use super::engine::ast::{Argument, ObjectName};
use super::engine::convert::cast;
use super::engine::error::SqlError;
use super::engine::parse;
use super::engine::types::{MAX, SqlType};
use super::engine::value::Value;
use super::engine::world::Variables;
use super::state::Prepared;
use crate::tds::data::ReturnValue;
use crate::tds::request::{Call, ParameterStatus, Rpc};
use crate::tds::token::Token;

/// A parameter of a call.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name in lower case, `@` included; empty if its place says which it is.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// Its value.
    pub value: Value,
    /// Whether it is given back.
    pub output: bool,
}

impl Param {
    /// Its value as a text.
    pub fn text(&self) -> Result<Option<String>, SqlError> {
        let value = cast(&self.value, self.ty, SqlType::NVarChar(MAX), 0)?;
        Ok(value.as_text().map(str::to_owned))
    }

    /// Its value as a number.
    pub fn int(&self) -> Result<Option<i64>, SqlError> {
        cast(&self.value, self.ty, SqlType::BigInt, 0).map(|value| value.as_int())
    }
}

impl Run<'_> {
    /// An RPC message: one call or several.
    pub async fn calls(&mut self, payload: &[u8]) -> Result<(), Stop> {
        let version = self.reply.version();
        let calls = match Rpc::decode(payload, version) {
            Ok(rpc) => rpc.calls,
            Err(error) => {
                let malformed = SqlError::malformed(format!("a procedure call: {error}"));
                return self.settle(Err(malformed.into())).await.map(|_| ());
            }
        };
        let last = calls.len().saturating_sub(1);
        self.reply.in_procedure = true;
        for (place, call) in calls.into_iter().enumerate() {
            self.call(call, place == last).await?;
        }
        Ok(())
    }

    async fn call(&mut self, call: Call, last: bool) -> Result<(), Stop> {
        self.failed = false;
        self.status = 0;
        let name = call.procedure.name().to_owned();
        let mut params = Vec::new();
        let mut outcome = Ok(());
        for parameter in call.parameters {
            let param = codec::sql_type(&parameter.kind).and_then(|ty| {
                let value = codec::from_wire(parameter.value, &parameter.kind)?;
                let output = parameter.status.contains(ParameterStatus::BY_REFERENCE);
                Ok(Param { name: parameter.name.to_lowercase(), ty, value, output })
            });
            match param {
                Ok(param) => params.push(param),
                Err(error) => outcome = Err(Problem::from(error)),
            }
        }
        if outcome.is_ok() && !call.no_exec {
            outcome = self.procedure(&name, &mut params).await;
        }
        let failed = outcome.is_err();
        self.settle(outcome.map(|()| Flow::Next)).await?;
        self.flush_done();
        self.reply.token(&Token::ReturnStatus(if failed { 1 } else { self.status }));
        if !failed {
            for (place, param) in params.iter().enumerate().filter(|(_, param)| param.output) {
                let ordinal = u16::try_from(place).unwrap_or(0);
                let returned = ReturnValue::output(
                    ordinal,
                    param.name.clone(),
                    codec::type_info(param.ty),
                    codec::to_wire(&param.value, param.ty),
                );
                let mut bytes = Vec::new();
                if returned.encode(self.reply.version(), &mut bytes).is_ok() {
                    self.reply.bytes(&bytes);
                }
            }
        }
        self.note_transaction().await;
        let failed = self.failed;
        if last {
            self.reply.end(0xE0, None, failed)
        } else {
            self.reply.end_of_call(0xE0, failed)
        }
        Ok(())
    }

    /// EXEC.
    pub async fn exec(&mut self, result: Option<&str>, name: &ObjectName, arguments: &[Argument]) -> Outcome {
        let mut params = Vec::new();
        for argument in arguments {
            let (value, ty) = match &argument.value {
                Some(value) => self.value(value).await?,
                None => (Value::Null, SqlType::NVarChar(1)),
            };
            params.push(Param { name: argument.name.clone().unwrap_or_default(), ty, value, output: argument.output });
        }
        self.flush_done();
        let outside = std::mem::replace(&mut self.reply.in_procedure, true);
        self.status = 0;
        let outcome = self.procedure(&name.text(), &mut params).await;
        self.flush_done();
        if outcome.is_ok() && !outside {
            self.reply.token(&Token::ReturnStatus(self.status));
            self.reply.end_of_procedure(0xE0, self.failed);
        }
        self.reply.in_procedure = outside;
        outcome?;
        for (argument, param) in arguments.iter().zip(&params).filter(|(argument, _)| argument.output) {
            if let Some(super::engine::ast::Expr::Variable(variable)) = &argument.value
                && let Some((ty, _)) = self.variables.get(variable)
            {
                let (ty, value) = (*ty, cast(&param.value, param.ty, *ty, 0)?);
                self.variables.insert(variable.clone(), (ty, value));
            }
        }
        if let Some(result) = result {
            let ty = self.variables.get(result).ok_or_else(|| SqlError::undeclared(result))?.0;
            let value = cast(&Value::Int(self.status.into()), SqlType::Int, ty, 0)?;
            self.variables.insert(result.to_owned(), (ty, value));
        }
        Ok(Flow::Next)
    }

    /// Carries out a procedure.
    async fn procedure(&mut self, name: &str, params: &mut [Param]) -> Result<(), Problem> {
        let plain =
            name.trim_end_matches(";1").rsplit('.').next().unwrap_or(name).trim_matches(['[', ']', '"']).to_lowercase();
        match plain.as_str() {
            "sp_executesql" => {
                let (text, declarations) = (text_of(params, 0, "@stmt", name)?, optional_text(params, 1)?);
                self.run_text(&text, declarations.as_deref().unwrap_or(""), params, 2).await
            }
            "sp_prepare" => {
                let (declarations, text) =
                    (optional_text(params, 1)?.unwrap_or_default(), text_of(params, 2, "@stmt", name)?);
                parse::batch(&text)?;
                parse::parameters(&declarations)?;
                let prepared = Prepared { declarations: declarations.into(), text: text.into() };
                let handle = self.connected.state.lock().await.prepare(prepared)?;
                give_back(params, 0, handle);
                Ok(())
            }
            "sp_prepexec" => {
                let (declarations, text) =
                    (optional_text(params, 1)?.unwrap_or_default(), text_of(params, 2, "@stmt", name)?);
                let prepared = Prepared { declarations: declarations.as_str().into(), text: text.as_str().into() };
                let handle = self.connected.state.lock().await.prepare(prepared)?;
                give_back(params, 0, handle);
                self.run_text(&text, &declarations, params, 3).await
            }
            "sp_execute" => {
                let prepared = self.prepared(params).await?.1;
                self.run_text(&prepared.text, &prepared.declarations, params, 1).await
            }
            "sp_unprepare" => {
                let (handle, _) = self.prepared(params).await?;
                self.connected.state.lock().await.prepared.remove(&handle);
                Ok(())
            }
            "sp_reset_connection" => {
                self.connected.state.lock().await.reset(false);
                Ok(())
            }
            cursor if cursor.starts_with("sp_cursor") => {
                Err(SqlError::unsupported(format!("A server cursor ({cursor})")).into())
            }
            _ => self.built_in(&plain, name, params).await,
        }
    }

    async fn prepared(&self, params: &[Param]) -> Result<(i32, Prepared), SqlError> {
        let handle = params.first().map(Param::int).transpose()?.flatten().unwrap_or(0);
        let unknown = || SqlError::unknown_handle(handle);
        let handle_number = i32::try_from(handle).map_err(|_| unknown())?;
        let found = self.connected.state.lock().await.prepared.get(&handle_number).cloned();
        found.map(|prepared| (handle_number, prepared)).ok_or_else(unknown)
    }

    /// Runs a text with parameters; those for output have their new values afterwards.
    async fn run_text(
        &mut self,
        text: &str,
        declarations: &str,
        params: &mut [Param],
        first: usize,
    ) -> Result<(), Problem> {
        let declared = parse::parameters(declarations)?;
        let given = params.get_mut(first..).unwrap_or_default();
        if given.len() > declared.len() {
            return Err(SqlError::too_many_parameters("sp_executesql").into());
        }
        let mut variables = Variables::new();
        let mut places: Vec<Option<usize>> = vec![None; declared.len()];
        for (place, param) in given.iter().enumerate() {
            let meant = if param.name.is_empty() {
                Some(place)
            } else {
                declared.iter().position(|(name, ..)| *name == param.name)
            };
            let meant = meant.ok_or_else(|| SqlError::unknown_parameter(&param.name, "sp_executesql"))?;
            if let Some(slot) = places.get_mut(meant) {
                *slot = Some(place);
            }
        }
        for ((name, ty, _), place) in declared.iter().zip(&places) {
            let Some(param) = place.and_then(|place| given.get(place)) else {
                let text = format!("The parameterized query expects the parameter '{name}', which was not supplied.");
                return Err(SqlError::new(8178, 16, text).into());
            };
            variables.insert(name.clone(), (*ty, cast(&param.value, param.ty, *ty, 0)?));
        }
        let outside = std::mem::replace(&mut self.variables, variables);
        let outcome = self.text(text).await;
        let inside = std::mem::replace(&mut self.variables, outside);
        outcome?;
        for ((name, ..), place) in declared.iter().zip(&places) {
            if let Some(param) = place.and_then(|place| given.get_mut(place)).filter(|param| param.output)
                && let Some((ty, value)) = inside.get(name)
            {
                (param.ty, param.value) = (*ty, value.clone());
            }
        }
        Ok(())
    }
}

fn optional_text(params: &[Param], place: usize) -> Result<Option<String>, SqlError> {
    params.get(place).map(Param::text).transpose().map(Option::flatten)
}

fn give_back(params: &mut [Param], place: usize, handle: i32) {
    if let Some(param) = params.get_mut(place) {
        (param.ty, param.value, param.output) = (SqlType::Int, Value::Int(handle.into()), true);
    }
}

fn text_of(params: &[Param], place: usize, parameter: &str, procedure: &str) -> Result<String, SqlError> {
    optional_text(params, place)?.ok_or_else(|| SqlError::missing_parameter(procedure, parameter))
}
