//! Which statement comes next: batches, blocks, conditions, TRY and CATCH, and what an error ends.

use super::SqlError;
use super::bind::{Binder, bound_query};
use super::execute::Variables;
use super::locks::is_blocked;
use super::parser::parse_in;
use super::protocol::Over;
use super::response::{Response, Stop};
use super::state::State;
use super::syntax::{Expression, Name, Statement};
use super::token;
use rusqlite::types::Value;

/// What a batch does after a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Return,
    /// An error ended this batch; the one that called it goes on.
    End,
}

/// TRY, CATCH and the errors between them.
#[derive(Debug, Default)]
pub(super) struct Catching {
    /// How many TRY blocks are open.
    tries: u32,
    /// The error on its way up has left a batch that EXECUTE started.
    from_below: bool,
    /// The error comes from RAISERROR, which SET XACT_ABORT does not reach.
    raised: bool,
    /// Errors of the open CATCH blocks with their lines, the innermost last.
    caught: Vec<(SqlError, u32)>,
}

impl Catching {
    /// The error that the innermost CATCH has caught, and its line.
    pub(super) fn caught(&self) -> Option<&(SqlError, u32)> {
        self.caught.last()
    }
}

impl State {
    /// Runs a batch. A syntax error anywhere keeps all of it from running.
    pub(super) fn run_batch(
        &mut self,
        batch: &str,
        mut variables: Variables,
        response: &mut Response<'_>,
    ) -> Result<Variables, Stop> {
        match parse_in(batch, self.owner) {
            Ok(statements) => {
                if statements.is_empty() {
                    response.done(0, 0, 0)?;
                }
                let result = self.run_lines(&statements, &mut variables, response);
                self.end_variables(&variables)?;
                result?;
            }
            Err(error) if self.catching.tries > 0 => return Err(error.into()),
            Err(error) => {
                self.last_error = error.number;
                response.error(&error)?;
                response.done(token::ERROR, 0, 0)?;
            }
        }
        if self.due.break_after {
            return Err(Over::Gone.into());
        }
        Ok(variables)
    }

    fn run_lines(
        &mut self,
        statements: &[(u32, Statement)],
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        for (line, statement) in statements {
            response.line = *line;
            if self.run_reported(statement, variables, response)? != Flow::Next {
                break;
            }
        }
        Ok(())
    }

    /// Runs a batch inside of a batch, for EXECUTE.
    pub(super) fn run_inner_batch(
        &mut self,
        batch: &str,
        variables: Variables,
        response: &mut Response<'_>,
    ) -> Result<Variables, Stop> {
        let (temporary, options) = (self.temporary()?, self.options.clone());
        let result = self.run_batch(batch, variables, response);
        self.options = options;
        self.leave(&temporary, result)
    }

    /// Runs the body of a procedure.
    pub(super) fn run_inner(
        &mut self,
        body: &[(u32, Statement)],
        mut variables: Variables,
        response: &mut Response<'_>,
    ) -> Result<Variables, Stop> {
        let temporary = self.temporary()?;
        let result = self.run_lines(body, &mut variables, response);
        self.end_variables(&variables)?;
        self.leave(&temporary, result.map(|()| variables))
    }

    /// Temporary tables end with the inner batch that made them.
    fn leave<T>(&mut self, temporary: &[Name], result: Result<T, Stop>) -> Result<T, Stop> {
        self.drop_temporary_but(temporary)?;
        self.catching.from_below |= matches!(result, Err(Stop::Error(_)));
        result
    }

    /// What comes behind the last statement of a request: a transaction that cannot commit does not outlive it.
    pub(super) fn end_request(&mut self, response: &mut Response<'_>) -> Result<(), Stop> {
        self.catching = Catching::default();
        if !self.doomed {
            return Ok(());
        }
        response.error(&SqlError::new(
            3998,
            16,
            "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back.",
        ))?;
        self.roll_back(response)?;
        Ok(response.done(token::ERROR, 0, 0)?)
    }

    fn run_all(
        &mut self,
        statements: &[Statement],
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<Flow, Stop> {
        for statement in statements {
            let flow = self.run_reported(statement, variables, response)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// Runs a statement. Inside of TRY an error goes up to its CATCH, elsewhere it becomes a token.
    fn run_reported(
        &mut self,
        statement: &Statement,
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<Flow, Stop> {
        match self.run(statement, variables, response) {
            Ok(flow) => {
                self.last_error = 0;
                Ok(flow)
            }
            Err(Stop::Error(error)) if self.catching.tries == 0 => self.report(&error, statement, response),
            Err(other) => Err(other),
        }
    }

    /// Runs a statement as soon as nobody is in its way.
    fn run(
        &mut self,
        statement: &Statement,
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<Flow, Stop> {
        let mut since = None;
        loop {
            match self.run_once(statement, variables, response) {
                Err(Stop::Error(error)) if is_blocked(&error) => {
                    self.wait(&error, &mut since, || response.check_attention())?;
                }
                other => {
                    self.shared.locks.end_statement(self.owner);
                    return other;
                }
            }
        }
    }

    fn report(&mut self, error: &SqlError, statement: &Statement, response: &mut Response<'_>) -> Result<Flow, Stop> {
        let raised = std::mem::take(&mut self.catching.raised);
        self.catching.from_below = false;
        self.last_error = error.number;
        self.rows = 0;
        response.error(error)?;
        let aborts = error.ends_transaction() || self.options.abort_transaction && !raised;
        if self.transactions > 0 && aborts {
            self.roll_back(response)?;
        }
        if error.terminates_statement() {
            response.error(&SqlError::terminated())?;
        }
        response.done(token::ERROR, 0, 0)?;
        if aborts || matches!(statement, Statement::Throw(_)) {
            return Err(Stop::Ended);
        }
        Ok(if ends_batch(error) && !raised { Flow::End } else { Flow::Next })
    }

    /// Statements that hold statements.
    pub(super) fn run_compound(
        &mut self,
        statement: &Statement,
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<Flow, Stop> {
        match statement {
            Statement::Block(statements) => self.run_all(statements, variables, response),
            Statement::If { condition, then, otherwise } => {
                let chosen = if self.reading(|| self.holds(condition, variables))? { then } else { otherwise };
                self.run_all(chosen, variables, response)
            }
            Statement::While { condition, body } => self.repeat(condition, body, variables, response),
            Statement::Try { attempt, handler } => self.attempt(attempt, handler, variables, response),
            other => Err(SqlError::not_taught(format!("{other:?} as a block")).into()),
        }
    }

    fn repeat(
        &mut self,
        condition: &Expression,
        body: &[Statement],
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<Flow, Stop> {
        loop {
            variables.extend(self.globals());
            if !self.reading(|| self.holds(condition, variables))? {
                return Ok(Flow::Next);
            }
            let flow = self.run_all(body, variables, response)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
            response.check_attention()?;
        }
    }

    fn holds(&self, condition: &Expression, variables: &Variables) -> Result<bool, SqlError> {
        let context = self.context(variables);
        let mut binder = Binder::new(&context);
        let sql = binder.condition(condition)?;
        self.refuse_versions()?;
        let mut statement = self.storage.sqlite.prepare(&format!("SELECT {sql}"))?;
        let mut rows = bound_query(&mut statement, &binder.parameters)?;
        let holds = rows.next()?.map_or(Ok(Some(false)), |row| row.get::<_, Option<bool>>(0))?;
        Ok(holds.unwrap_or(false))
    }

    fn attempt(
        &mut self,
        attempt: &[Statement],
        handler: &[Statement],
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<Flow, Stop> {
        self.catching.tries += 1;
        let result = self.run_all(attempt, variables, response);
        self.catching.tries -= 1;
        let error = match result {
            Err(Stop::Error(error)) if self.is_caught(&error) => error,
            other => return other,
        };
        let raised = std::mem::take(&mut self.catching.raised);
        self.catching.from_below = false;
        self.doomed |= self.transactions > 0 && (error.ends_transaction() || self.options.abort_transaction && !raised);
        self.last_error = error.number;
        self.rows = 0;
        // A result that was under way has an end.
        response.done(0, 0, 0)?;
        self.catching.caught.push((error, response.line));
        let result = self.run_all(handler, variables, response);
        self.catching.caught.pop();
        result
    }

    /// A CATCH never sees what the stand-in has not been taught, nor what its own batch could not be compiled for.
    fn is_caught(&self, error: &SqlError) -> bool {
        let compiling = error.class == 15 || matches!(error.number, 120 | 121 | 206 | 207 | 208 | 209 | 213 | 4104);
        !error.is_not_taught() && error.class < 20 && (self.catching.from_below || self.catching.raised || !compiling)
    }

    /// THROW. Without parts it throws on what the innermost CATCH has caught.
    pub(super) fn thrown(&self, parts: &[Expression], variables: &Variables) -> Result<SqlError, SqlError> {
        if parts.is_empty() {
            let caught = self.catching.caught();
            return caught.map(|(error, _)| error.clone()).ok_or_else(|| SqlError::syntax("THROW"));
        }
        let values: Vec<Value> = parts
            .iter()
            .map(|part| self.evaluate(part, None, variables).map(|(_, value)| value))
            .collect::<Result<_, _>>()?;
        match values.as_slice() {
            [
                Value::Integer(number @ 50_000..=2_147_483_647),
                Value::Text(message),
                Value::Integer(state @ 0..=255),
            ] => Ok(SqlError { number: *number as i32, state: *state as u8, class: 16, message: message.clone() }),
            [Value::Integer(number), ..] => Err(SqlError::new(
                35100,
                16,
                format!(
                    "Error number {number} in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647."
                ),
            )),
            _ => Err(SqlError::syntax("THROW")),
        }
    }

    /// RAISERROR: an error, or below severity 11 a message.
    pub(super) fn raise(
        &mut self,
        parts: &[Expression],
        variables: &Variables,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        let values: Vec<Value> = parts
            .iter()
            .map(|part| self.evaluate(part, None, variables).map(|(_, value)| value))
            .collect::<Result<_, _>>()?;
        let [Value::Text(message), Value::Integer(class @ 0..=18), Value::Integer(state)] = values.as_slice() else {
            return Err(
                SqlError::not_taught("RAISERROR with a message number, arguments or a severity above 18").into()
            );
        };
        let error = SqlError { number: 50_000, state: *state as u8, class: *class as u8, message: message.clone() };
        if error.class > 10 {
            self.catching.raised = true;
            return Err(error.into());
        }
        response.error(&error)?;
        Ok(response.done(0, 0, 0)?)
    }
}

/// Constraint errors leave the batch running; binding and conversion errors end it.
fn ends_batch(error: &SqlError) -> bool {
    error.is_not_taught()
        || !matches!(
            error.number,
            515 | 544
                | 547
                | 1222
                | 2601
                | 2627
                | 2628
                | 8152
                | 3902
                | 3903
                | 3930
                | 2714
                | 3701
                | 8134
                | 220
                | 8115
                | 2812
        )
}
