//! Procedure calls (MS-TDS 2.2.6.6): sp_executesql, sp_prepare and their kin, sp_describe_first_result_set.

use super::bind::Variable;
use super::convert::convert;
use super::execute::Variables;
use super::locks::is_blocked;
use super::parser::parse_parameters;
use super::protocol::Violation;
use super::reader::Reader;
use super::response::{Response, Stop};
use super::sql_type::SqlType;
use super::state::State;
use super::syntax::{Argument, Expression, Name};
use super::wire::{Declared, Origin, read_type, read_value};
use super::{SqlError, token};
use rusqlite::types::Value;

/// One parameter as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) output: bool,
    pub(super) of: SqlType,
    pub(super) value: Value,
}

/// One call.
pub(super) struct Call {
    pub(super) procedure: String,
    pub(super) parameters: Vec<Parameter>,
}

impl Call {
    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Call, Violation> {
        let length = reader.u16()?;
        let procedure = if length == 0xFFFF {
            known_procedure(reader.u16()?)?.to_owned()
        } else {
            reader.utf16(usize::from(length))?
        };
        reader.u16()?;
        let mut parameters = Vec::new();
        while !reader.is_empty() && !matches!(reader.rest()[0], 0x80 | 0xFF) {
            let name = reader.short_text()?;
            let status = reader.u8()?;
            if status & !0x03 != 0 {
                return Err(Violation::new(format!("parameter status 0x{status:02X}")));
            }
            let declared: Declared = read_type(reader)?;
            let value = read_value(reader, declared, Origin::Parameter)?;
            parameters.push(Parameter { name, output: status & 1 != 0, of: declared.of, value });
        }
        Ok(Call { procedure, parameters })
    }

    /// The statement of sp_executesql and its kin, otherwise the procedure's name.
    pub(super) fn text(&self) -> String {
        let texts = self.parameters.iter().filter_map(|parameter| match &parameter.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        });
        match bare(&self.procedure).as_str() {
            "sp_executesql" => texts.take(1).collect(),
            "sp_prepare" | "sp_prepexec" => texts.skip(1).take(1).collect(),
            _ => format!("EXEC {} {}", self.procedure, texts.collect::<Vec<_>>().join(", ")),
        }
    }
}

fn known_procedure(id: u16) -> Result<&'static str, Violation> {
    Ok(match id {
        1 => "sp_cursor",
        2 => "sp_cursoropen",
        3 => "sp_cursorprepare",
        4 => "sp_cursorexecute",
        5 => "sp_cursorprepexec",
        6 => "sp_cursorunprepare",
        7 => "sp_cursorfetch",
        8 => "sp_cursoroption",
        9 => "sp_cursorclose",
        10 => "sp_executesql",
        11 => "sp_prepare",
        12 => "sp_execute",
        13 => "sp_prepexec",
        14 => "sp_prepexecrpc",
        15 => "sp_unprepare",
        other => return Err(Violation::new(format!("procedure id {other}"))),
    })
}

/// The last part of a procedure's name, in lower case, without brackets.
fn bare(procedure: &str) -> String {
    procedure.rsplit('.').next().unwrap_or(procedure).trim_matches(['[', ']']).to_lowercase()
}

impl State {
    /// A call of a client, with its return status, output values and DONEPROC.
    pub(super) fn call(&mut self, call: Call, response: &mut Response<'_>) -> Result<(), Stop> {
        let was_inside = std::mem::replace(&mut response.in_procedure, true);
        let mut since = None;
        let result = loop {
            match self.call_named(&bare(&call.procedure), &call.procedure, &call.parameters, response) {
                Err(Stop::Error(error)) if is_blocked(&error) => {
                    self.wait(&error, &mut since, || response.check_attention())?;
                }
                other => break other,
            }
        };
        self.shared.locks.end_statement(self.owner);
        if !matches!(result, Err(Stop::Over(_) | Stop::Attention)) {
            self.end_request(response)?;
        }
        response.in_procedure = was_inside;
        match result {
            Ok(outputs) => {
                response.token(&token::return_status(std::mem::take(&mut self.status)))?;
                for (ordinal, (name, of, value)) in outputs.iter().enumerate() {
                    response.token(&token::return_value(ordinal as u16, name, *of, value)?)?;
                }
                Ok(response.done_procedure(0)?)
            }
            Err(Stop::Error(error)) => {
                self.last_error = error.number;
                response.error(&error)?;
                Ok(response.done_procedure(token::ERROR)?)
            }
            Err(Stop::Ended) => Ok(response.done_procedure(token::ERROR)?),
            Err(other) => Err(other),
        }
    }

    fn call_named(
        &mut self,
        name: &str,
        written: &str,
        parameters: &[Parameter],
        response: &mut Response<'_>,
    ) -> Result<Outputs, Stop> {
        match name {
            "sp_executesql" => {
                let (statement, declarations, values) = statement_and_declarations(parameters, name)?;
                self.execute_statement(&statement, &declarations, values, response)
            }
            "sp_prepare" | "sp_prepexec" => {
                let [handle, declarations, statement, rest @ ..] = parameters else {
                    return Err(missing(name, "@stmt").into());
                };
                let (declarations, statement) = (text_of(declarations)?, text_of(statement)?);
                super::parser::parse(&statement)?;
                let number = self.next_handle;
                self.next_handle += 1;
                self.prepared.insert(number, (declarations.clone(), statement.clone()));
                let mut outputs = vec![(handle.name.clone(), SqlType::Int, Value::Integer(i64::from(number)))];
                if name == "sp_prepexec" {
                    outputs.extend(self.execute_statement(&statement, &declarations, rest, response)?);
                }
                Ok(outputs)
            }
            "sp_execute" => {
                let (handle, rest) = handle_of(parameters, name)?;
                let (declarations, statement) = self.prepared.get(&handle).cloned().ok_or_else(|| no_handle(handle))?;
                self.execute_statement(&statement, &declarations, rest, response)
            }
            "sp_unprepare" => {
                let (handle, _) = handle_of(parameters, name)?;
                self.prepared.remove(&handle).ok_or_else(|| no_handle(handle))?;
                Ok(Vec::new())
            }
            "sp_describe_first_result_set" => {
                let named = |wanted: &str, position: usize| {
                    parameters
                        .iter()
                        .find(|parameter| parameter.name.eq_ignore_ascii_case(wanted))
                        .or_else(|| parameters.get(position).filter(|parameter| parameter.name.is_empty()))
                };
                let batch = named("@tsql", 0).map(text_of).transpose()?.ok_or_else(|| missing(name, "@tsql"))?;
                let declarations = named("@params", 1).map(text_of).transpose()?.unwrap_or_default();
                let variables = self.globals();
                self.describe(&batch, &declarations, &variables, response)?;
                Ok(Vec::new())
            }
            "sp_getapplock" => {
                self.status = self.take_app_lock(parameters, response)?;
                Ok(Vec::new())
            }
            "sp_releaseapplock" => {
                self.status = self.release_app_lock(parameters, response)?;
                Ok(Vec::new())
            }
            "sp_rename" => {
                self.rename(parameters, response)?;
                Ok(Vec::new())
            }
            "sp_tablecollations_100" => {
                let table = parameters.first().map(text_of).transpose()?.ok_or_else(|| missing(name, "@object"))?;
                let (sql, columns) =
                    super::describe::table_collations(&self.context(&self.globals()), written, &table)?;
                self.send_rows(&sql, &columns, &[], response)?;
                Ok(Vec::new())
            }
            _ => Err(SqlError::new(2812, 16, format!("Could not find stored procedure '{written}'.")).state(62).into()),
        }
    }

    fn execute_statement(
        &mut self,
        statement: &str,
        declarations: &str,
        values: &[Parameter],
        response: &mut Response<'_>,
    ) -> Result<Outputs, Stop> {
        let declared = parse_parameters(declarations)?;
        let mut variables = self.globals();
        let mut outputs = Vec::new();
        for (index, parameter) in values.iter().enumerate() {
            let known = if parameter.name.is_empty() {
                declared.get(index)
            } else {
                declared.iter().find(|(name, ..)| name.eq_ignore_ascii_case(&parameter.name))
            };
            let Some((name, of, is_output)) = known else {
                return Err(SqlError::new(
                    8145,
                    16,
                    format!("{} is not a parameter for procedure sp_executesql.", parameter.name),
                )
                .into());
            };
            let value = passed(parameter, *of)?;
            if variables.insert(name.to_lowercase(), Variable { of: *of, value }).is_some() {
                return Err(SqlError::new(8143, 16, format!("Parameter '{name}' was supplied multiple times.")).into());
            }
            if parameter.output && !is_output {
                return Err(SqlError::new(8162, 16, format!("The formal parameter \"{name}\" was not declared as an OUTPUT parameter, but the actual parameter passed in requested output.")).state(2).into());
            }
            if parameter.output {
                outputs.push((name.clone(), *of));
            }
        }
        if let Some((name, ..)) = declared.iter().find(|(name, ..)| !variables.contains_key(&name.to_lowercase())) {
            return Err(SqlError::new(8178, 16, format!("The parameterized query '({declarations}){statement}' expects the parameter '{name}', which was not supplied.")).into());
        }
        let after = self.run_inner_batch(statement, variables, response)?;
        let value = |name: &str| after.get(&name.to_lowercase()).map_or(Value::Null, |variable| variable.value.clone());
        Ok(outputs.into_iter().map(|(name, of)| (name.clone(), of, value(&name))).collect())
    }

    /// EXECUTE in a batch: the same procedures.
    pub(super) fn execute(
        &mut self,
        (procedure, status): (&Name, Option<&String>),
        arguments: &[Argument],
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        if let Some(module) = self.procedure(procedure)? {
            let was_inside = std::mem::replace(&mut response.in_procedure, true);
            let result = self.run_procedure(&module, arguments, variables, response);
            response.in_procedure = was_inside;
            result?;
            return self.returned(status, variables, response);
        }
        let mut parameters = Vec::new();
        for argument in arguments {
            let (of, value) = self.evaluate(&argument.value, None, variables)?;
            let name = argument.name.clone().unwrap_or_default();
            parameters.push(Parameter { name, output: argument.output, of, value });
        }
        let written = procedure.join(".");
        let was_inside = std::mem::replace(&mut response.in_procedure, true);
        let outputs = self.call_named(&bare(&written), &written, &parameters, response);
        response.in_procedure = was_inside;
        let outputs = outputs?;
        let targets = arguments.iter().filter(|argument| argument.output);
        for (argument, (_, of, value)) in targets.zip(outputs) {
            if let Expression::Variable(name) = &argument.value {
                variables.insert(name.to_lowercase(), Variable { of, value });
            }
        }
        self.returned(status, variables, response)
    }

    /// The end of EXECUTE: what the procedure returns, also into the variable of `EXECUTE @status = ...`.
    fn returned(
        &mut self,
        status: Option<&String>,
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        let returned = std::mem::take(&mut self.status);
        if let Some(name) = status {
            let of = variables.get(&name.to_lowercase()).ok_or_else(|| SqlError::undeclared_variable(name))?.of;
            let value = convert((&Value::Integer(i64::from(returned))).into(), SqlType::Int, of)?;
            variables.insert(name.to_lowercase(), Variable { of, value });
        }
        response.token(&token::return_status(returned))?;
        Ok(response.done_procedure(0)?)
    }
}

/// Name, type and value of each output parameter.
type Outputs = Vec<(String, SqlType, Value)>;

pub(super) fn missing(procedure: &str, parameter: &str) -> SqlError {
    SqlError::new(
        201,
        16,
        format!("Procedure or function '{procedure}' expects parameter '{parameter}', which was not supplied."),
    )
    .state(4)
}

fn no_handle(handle: i32) -> SqlError {
    SqlError::new(8179, 16, format!("Could not find prepared statement with handle {handle}.")).state(2)
}

fn handle_of<'p>(parameters: &'p [Parameter], procedure: &str) -> Result<(i32, &'p [Parameter]), SqlError> {
    match parameters {
        [Parameter { value: Value::Integer(handle), .. }, rest @ ..] => Ok((*handle as i32, rest)),
        _ => Err(missing(procedure, "@handle")),
    }
}

/// The statement must be ntext, nchar or nvarchar.
fn text_of(parameter: &Parameter) -> Result<String, SqlError> {
    match (&parameter.value, parameter.of) {
        (Value::Null, _) => Ok(String::new()),
        (Value::Text(text), SqlType::NVarChar(..) | SqlType::NChar(..) | SqlType::NText(_)) => Ok(text.clone()),
        _ => {
            Err(SqlError::new(214, 16, "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.")
                .state(2))
        }
    }
}

fn statement_and_declarations<'p>(
    parameters: &'p [Parameter],
    procedure: &str,
) -> Result<(String, String, &'p [Parameter]), SqlError> {
    match parameters {
        [] => Err(missing(procedure, "@statement")),
        [statement] => Ok((text_of(statement)?, String::new(), &[])),
        [statement, declarations, values @ ..] => Ok((text_of(statement)?, text_of(declarations)?, values)),
    }
}

/// A sent value in the declared type.
fn passed(parameter: &Parameter, to: SqlType) -> Result<Value, SqlError> {
    if parameter.of == to || parameter.value == Value::Null {
        return Ok(parameter.value.clone());
    }
    super::bind::check_implicit(parameter.of, to)?;
    convert((&parameter.value).into(), parameter.of, to).map_err(|_| {
        SqlError::new(8114, 16, format!("Error converting data type {} to {}.", parameter.of.name(), to.name()))
            .state(5)
    })
}
