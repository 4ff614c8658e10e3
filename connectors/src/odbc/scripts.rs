//! Scripts and procedures over ODBC, for whoever reads no rows.

use std::time::Duration;

use async_trait::async_trait;
use odbc_api::{Cursor, DataType, IntoParameter, ResultSetMetadata, parameter::InputParameter};
use ropeway_engine::{
    Error, ErrorKind, Result,
    blocking::ConnectionThreads,
    statements::{Answer, MOST_BYTES, MOST_ROWS, Parameter, Script, Statements},
    text::json::{decimal, moment, number},
};
use serde_json::{Map, Value};

use super::{
    connection::{Connector, Session},
    spec::name_parts,
};
use crate::sql;

/// What runs statements in a database behind an ODBC driver.
pub(super) struct OdbcStatements {
    pub(super) connector: Connector,
}

/// Bytes of one value at most.
const MOST_OF_VALUE: usize = 1 << 20;

impl OdbcStatements {
    async fn call_with<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let connector = self.connector.clone();
        ConnectionThreads::start(1, move || connector.open())?.call(job).await
    }
}

#[async_trait]
impl Statements for OdbcStatements {
    async fn run(&self, scripts: &[Script]) -> Result<Vec<Answer>> {
        let scripts = scripts.to_vec();
        self.call_with(move |session| scripts.iter().map(|script| answer(session, script)).collect()).await
    }

    async fn call(&self, procedure: &str, parameters: &Map<String, Value>) -> Result<()> {
        let parts = name_parts(procedure)?;
        let values: Vec<_> = parameters.values().map(|value| value.get("value").unwrap_or(value).clone()).collect();
        let call = move |session: &mut Session| {
            let quote = session.quote()?;
            let parts: Result<Vec<_>> = parts.iter().map(|part| sql::quote_odbc_ident(part, quote)).collect();
            let markers = vec!["?"; values.len()].join(", ");
            let call = format!("{{CALL {}({markers})}}", parts?.join("."));
            executed(session, &call, &values, None).map(drop)
        };
        self.call_with(call).await
    }
}

fn answer(session: &Session, script: &Script) -> Result<Answer> {
    let values = script.parameters.iter().map(given).collect::<Result<Vec<_>>>()?;
    let limit = Some(script.limit).filter(|limit| !limit.is_zero());
    let (rows, affected) = executed(session, &script.text, &values, limit)?;
    let results = if script.gives_rows { rows } else { Vec::new() };
    Ok(Answer { results, affected, ..Answer::default() })
}

fn given(parameter: &Parameter) -> Result<Value> {
    if parameter.comes_out {
        let message = "parameters of scripts over ODBC go in and do not come out; select the value instead";
        return Err(Error::new(ErrorKind::Spec, message).code("2104"));
    }
    Ok(parameter.value.clone())
}

type Rows = Vec<Map<String, Value>>;

/// Runs a statement: its results, and the rows that it changed.
fn executed(
    session: &Session,
    statement: &str,
    values: &[Value],
    limit: Option<Duration>,
) -> Result<(Vec<Rows>, Option<u64>)> {
    let failed = |error: odbc_api::Error| session.peer.error("running the script", &error);
    let parameters: Vec<Box<dyn InputParameter>> = values.iter().map(parameter).collect();
    let mut prepared = session.connection.preallocate().map_err(failed)?;
    if let Some(limit) = limit {
        prepared.set_query_timeout_sec(limit.as_secs().max(1) as usize).map_err(failed)?;
    }
    let results = match prepared.execute(statement, parameters.as_slice()).map_err(failed)? {
        Some(cursor) => Some(results(session, cursor)?),
        None => None,
    };
    let affected = match results {
        Some(_) => None,
        None => prepared.row_count().map_err(failed)?.map(|rows| rows as u64),
    };
    Ok((results.unwrap_or_default(), affected))
}

/// All results of a statement that has any.
fn results(session: &Session, first: impl Cursor) -> Result<Vec<Rows>> {
    let failed = |error: odbc_api::Error| session.peer.error("reading what the script gives", &error);
    let mut results = Vec::new();
    let (mut rows, mut bytes) = (0, 0);
    let mut open = Some(first);
    while let Some(mut cursor) = open {
        let columns = columns(&mut cursor).map_err(failed)?;
        let mut result = Rows::new();
        while let Some(mut row) = cursor.next_row().map_err(failed)? {
            let mut object = Map::new();
            for (position, (name, data_type)) in (1..).zip(&columns) {
                let mut text = Vec::new();
                let is_there = row.get_wide_text(position, &mut text).map_err(failed)?;
                if text.len() > MOST_OF_VALUE {
                    return Err(too_much());
                }
                let text = String::from_utf16_lossy(&text);
                bytes += name.len() + text.len();
                object.insert(name.clone(), if is_there { shaped(&text, data_type) } else { Value::Null });
            }
            rows += 1;
            if rows > MOST_ROWS || bytes > MOST_BYTES {
                return Err(too_much());
            }
            result.push(object);
        }
        results.push(result);
        open = cursor.more_results().map_err(failed)?;
    }
    Ok(results)
}

fn columns(cursor: &mut impl ResultSetMetadata) -> Result<Vec<(String, DataType)>, odbc_api::Error> {
    let names = cursor.column_names()?.collect::<Result<Vec<_>, _>>()?;
    (1..).zip(names).map(|(position, name)| Ok((name, cursor.col_data_type(position)?))).collect()
}

/// The text of a value in the shape that a Lookup gives it.
fn shaped(text: &str, data_type: &DataType) -> Value {
    match data_type {
        DataType::TinyInt
        | DataType::SmallInt
        | DataType::Integer
        | DataType::BigInt
        | DataType::Real
        | DataType::Double
        | DataType::Float { .. } => number(text),
        DataType::Numeric { .. } | DataType::Decimal { .. } => decimal(text),
        DataType::Bit => matches!(text, "1" | "t" | "true").into(),
        DataType::Timestamp { .. } | DataType::Date => moment(text),
        _ => text.into(),
    }
}

/// A value as the driver takes it: numbers as numbers, everything else as text.
fn parameter(value: &Value) -> Box<dyn InputParameter> {
    match value {
        Value::Null => Box::new(None::<&str>.into_parameter()),
        Value::Bool(flag) => Box::new(odbc_api::Bit::from_bool(*flag).into_parameter()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Box::new(whole.into_parameter()),
            None => Box::new(number.as_f64().into_parameter()),
        },
        Value::String(text) => Box::new(text.clone().into_parameter()),
        other => Box::new(other.to_string().into_parameter()),
    }
}

fn too_much() -> Error {
    let message = format!("the script gives more than {MOST_ROWS} rows or 4 MB; narrow its queries");
    Error::new(ErrorKind::Data, message).code("2001")
}
