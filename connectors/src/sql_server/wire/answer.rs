//! Everything that a script answers: results, counts, outputs, messages.

use std::time::Duration;

use mssql_tds::{
    connection::tds_client::{ExecuteOptions, ResultSet, StatementResult},
    datatypes::sqltypes::SqlType,
    message::parameters::rpc_parameters::{RpcParameter, StatusFlags},
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    statements::{Answer, MOST_BYTES, MOST_ROWS},
};
use serde_json::Map;

use super::{Session, in_time};
use crate::sql_server::{patience::Patience, rows::json::json_of};

/// A parameter of a script.
pub(crate) struct Bound {
    /// Its name, with `@`.
    pub(crate) name: String,
    pub(crate) value: SqlType,
    /// Whether its value in the end is wanted.
    pub(crate) comes_out: bool,
}

/// Messages that are kept, at most.
const MOST_MESSAGES: usize = 1_000;

impl Session {
    /// Runs a script to its end. Rows are read and left out where they are not wanted.
    ///
    /// # Errors
    /// The first of the script; [`ErrorKind::Data`] for more rows than are taken.
    pub(crate) async fn answer(
        &mut self,
        script: &str,
        parameters: Vec<Bound>,
        gives_rows: bool,
        limit: Duration,
    ) -> Result<Answer> {
        self.patience = Patience::of(u32::try_from(limit.as_secs()).ok().filter(|seconds| *seconds > 0));
        let mut answer = Answer::default();
        let wanted: Vec<String> =
            parameters.iter().filter(|bound| bound.comes_out).map(|bound| bound.name.clone()).collect();
        let bound = parameters.into_iter().map(|Bound { name, value, comes_out }| {
            let flags = if comes_out { StatusFlags::BY_REF_VALUE } else { StatusFlags::NONE };
            RpcParameter::new(Some(name), flags, value)
        });
        let bound: Vec<_> = bound.collect();
        let client = &mut self.client;
        let begun = async {
            if bound.is_empty() {
                client.execute(script.to_owned(), ExecuteOptions::new()).await
            } else {
                client.execute_sp_executesql(script.to_owned(), bound, ExecuteOptions::new()).await
            }
        };
        let mut at = in_time(self.patience.limit(begun).await).map_err(|error| self.failed(error))?;
        let (mut rows, mut bytes) = (0, 0);
        loop {
            self.listen(&mut answer);
            match at {
                StatementResult::End => break,
                StatementResult::NoRows { rows_affected } => {
                    answer.affected =
                        rows_affected.map_or(answer.affected, |rows| Some(answer.affected.unwrap_or(0) + rows));
                }
                StatementResult::Rows if gives_rows => {
                    let result = self.result(&mut rows, &mut bytes).await?;
                    answer.results.push(result);
                }
                StatementResult::Rows => {}
            }
            at = in_time(self.patience.limit(self.client.advance()).await).map_err(|error| self.failed(error))?;
        }
        in_time(self.patience.limit(self.client.close_query()).await).map_err(|error| self.failed(error))?;
        self.listen(&mut answer);
        for returned in self.client.get_return_values() {
            let name = returned.param_name.trim_start_matches('@');
            if wanted.iter().any(|wanted| wanted.trim_start_matches('@').eq_ignore_ascii_case(name)) {
                answer.outputs.insert(name.to_owned(), json_of(&returned.value).map_err(unfit)?);
            }
        }
        Ok(answer)
    }

    fn listen(&mut self, answer: &mut Answer) {
        let said = self.client.take_info_messages().into_iter().map(|message| message.message);
        let room = MOST_MESSAGES.saturating_sub(answer.messages.len());
        answer.messages.extend(said.take(room));
    }

    /// The rows of the result that is open.
    async fn result(&mut self, rows: &mut usize, bytes: &mut usize) -> Result<Vec<Map<String, serde_json::Value>>> {
        let columns: Vec<String> = self.client.get_metadata().iter().map(|column| column.column_name.clone()).collect();
        let mut result = Vec::new();
        loop {
            let row = in_time(self.patience.limit(self.client.next_row()).await).map_err(|error| self.failed(error))?;
            let Some(values) = row else { return Ok(result) };
            let values = columns.iter().cloned().zip(values.iter().map(json_of));
            let row: Map<_, _> =
                values.map(|(name, value)| Ok((name, value?))).collect::<Result<_, &'static str>>().map_err(unfit)?;
            *rows += 1;
            *bytes += row.iter().map(|(name, value)| name.len() + value.to_string().len()).sum::<usize>();
            if *rows > MOST_ROWS || *bytes > MOST_BYTES {
                let message = format!("the script gives more than {MOST_ROWS} rows or 4 MB; narrow its queries");
                return Err(Error::new(ErrorKind::Data, message).code("2001"));
            }
            result.push(row);
        }
    }
}

fn unfit(why: &'static str) -> Error {
    Error::new(ErrorKind::Data, why)
}
