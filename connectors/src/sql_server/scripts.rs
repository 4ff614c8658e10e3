//! Scripts and stored procedures, for whoever reads no rows.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use ropeway_engine::{
    Error, ErrorKind, Result,
    statements::{Answer, Parameter, Script, Statements},
};
use serde_json::{Map, Value, json};

use super::{
    arguments,
    input::call_of,
    pool::Pool,
    wire::{Bound, Session},
};

/// What runs statements in a database.
pub(crate) struct SqlServerStatements {
    pool: Arc<Pool>,
}

impl SqlServerStatements {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self { pool }
    }

    /// A session as the server begins one: counts of rows are told.
    async fn session(&self) -> Result<Session> {
        self.pool.open().await
    }
}

/// A procedure runs as long as its activity may.
const FOR_EVER: Duration = Duration::ZERO;

#[async_trait]
impl Statements for SqlServerStatements {
    async fn run(&self, scripts: &[Script]) -> Result<Vec<Answer>> {
        let mut session = self.session().await?;
        let mut answers = Vec::new();
        for script in scripts {
            let parameters = script.parameters.iter().map(bound).collect::<Result<_>>()?;
            answers.push(session.answer(&script.text, parameters, script.gives_rows, script.limit).await?);
        }
        Ok(answers)
    }

    async fn call(&self, procedure: &str, parameters: &Map<String, Value>) -> Result<()> {
        let (call, parameters) = call_of(procedure, Some(parameters))?;
        let bound = parameters.into_iter().map(|(name, value)| Bound { name, value, comes_out: false }).collect();
        let mut session = self.session().await?;
        session.answer(&call, bound, false, FOR_EVER).await.map(drop)
    }
}

fn bound(parameter: &Parameter) -> Result<Bound> {
    let Some(name) = &parameter.name else {
        return Err(Error::new(
            ErrorKind::Spec,
            "a parameter of a script has no 'name'; SQL Server knows them by name only",
        ));
    };
    let value = json!({ "value": parameter.value, "type": parameter.type_name });
    Ok(Bound {
        name: arguments::parameter(name)?,
        value: arguments::typed(name, &value)?,
        comes_out: parameter.comes_out,
    })
}
