//! EXECUTE of a procedure that somebody has made.

use super::SqlError;
use super::bind::Variable;
use super::execute::Variables;
use super::modules::{self, Module};
use super::response::{Response, Stop};
use super::rights;
use super::state::State;
use super::syntax::{Argument, Expression, Name, Parameter, ParameterType};
use super::temporary::{read_only_key, table_key};
use rusqlite::types::Value;

impl State {
    /// The procedure of this name, if there is one that the login may run.
    pub(super) fn procedure(&self, name: &Name) -> Result<Option<Module>, SqlError> {
        let found = modules::find(&self.storage.sqlite, name, &self.database, modules::PROCEDURE)?;
        if let Some(module) = &found {
            let variables = Variables::new();
            rights::check_execute(&self.context(&variables), module)?;
        }
        Ok(found)
    }

    /// Runs a procedure with the arguments of EXECUTE; OUTPUT parameters come back into the caller's variables.
    pub(super) fn run_procedure(
        &mut self,
        module: &Module,
        arguments: &[Argument],
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        let procedure = module.procedure(self.owner)?;
        let temporary = self.temporary()?;
        let mut own = self.globals();
        for (index, parameter) in procedure.parameters.iter().enumerate() {
            let argument = arguments.iter().enumerate().find(|(position, argument)| match &argument.name {
                Some(name) => name.eq_ignore_ascii_case(&parameter.name),
                None => *position == index,
            });
            let argument = argument.map(|(_, argument)| argument);
            self.pass(module, parameter, argument, (variables, &mut own))?;
        }
        check_arguments(module, &procedure.parameters, arguments)?;
        let (transactions, options) = (self.transactions, self.options.clone());
        let after = self.run_inner(&procedure.body, own, response)?;
        self.options = options;
        // Tables that were passed because the caller passed none.
        self.drop_temporary_but(&temporary)?;
        for argument in arguments.iter().filter(|argument| argument.output) {
            let parameter = argument.name.as_ref().map_or_else(
                || arguments.iter().position(|other| other == argument).and_then(|at| procedure.parameters.get(at)),
                |name| procedure.parameters.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(name)),
            );
            if let (Expression::Variable(target), Some(parameter)) = (&argument.value, parameter)
                && let Some(value) = after.get(&parameter.name.to_lowercase())
            {
                variables.insert(target.to_lowercase(), value.clone());
            }
        }
        // SET XACT_ABORT ON silences it: the caller has to look for itself.
        if self.transactions != transactions && !self.options.abort_transaction {
            return Err(SqlError::new(266, 16, format!("Transaction count after EXECUTE indicates a mismatching number of BEGIN and COMMIT statements. Previous count = {transactions}, current count = {}.", self.transactions)).into());
        }
        Ok(())
    }

    fn pass(
        &self,
        module: &Module,
        parameter: &Parameter,
        argument: Option<&Argument>,
        (variables, own): (&Variables, &mut Variables),
    ) -> Result<(), SqlError> {
        let key = parameter.name.to_lowercase();
        match &parameter.of {
            ParameterType::Table(name) => {
                let place = match argument {
                    None => {
                        let found = modules::find(&self.storage.sqlite, name, &self.database, modules::TYPE)?;
                        let definition = found.ok_or_else(|| modules::unknown_type(name))?.table(self.owner)?;
                        Value::Text(self.empty_table(&parameter.name, definition)?)
                    }
                    Some(Argument { value: Expression::Variable(variable), .. })
                        if variables.contains_key(&table_key(variable)) =>
                    {
                        variables[&table_key(variable)].value.clone()
                    }
                    Some(argument) => {
                        let (of, _) = self.evaluate(&argument.value, None, variables)?;
                        let wanted = name.last().map_or("", String::as_str);
                        return Err(SqlError::operand_clash(of.name(), wanted));
                    }
                };
                let mark = Variable { of: super::sql_type::SqlType::sysname(), value: place };
                own.insert(read_only_key(&key), mark.clone());
                own.insert(table_key(&key), mark);
            }
            ParameterType::Scalar(of) => {
                let expression = argument.map(|argument| &argument.value).or(parameter.default.as_ref());
                let expression = expression.ok_or_else(|| super::rpc::missing(&module.name, &parameter.name))?;
                let (_, value) = self.evaluate(expression, Some(*of), variables)?;
                own.insert(key, Variable { of: *of, value });
            }
        }
        Ok(())
    }
}

fn check_arguments(module: &Module, parameters: &[Parameter], arguments: &[Argument]) -> Result<(), SqlError> {
    let name = &module.name;
    if arguments.len() > parameters.len() {
        return Err(
            SqlError::new(8144, 16, format!("Procedure or function {name} has too many arguments specified.")).state(2)
        );
    }
    for wanted in arguments.iter().filter_map(|argument| argument.name.as_ref()) {
        if !parameters.iter().any(|parameter| parameter.name.eq_ignore_ascii_case(wanted)) {
            return Err(SqlError::new(8145, 16, format!("{wanted} is not a parameter for procedure {name}.")).state(2));
        }
    }
    Ok(())
}
