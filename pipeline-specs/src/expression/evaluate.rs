//! Evaluating a parsed expression within fixed limits.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use super::{
    ExpressionError, Result,
    access::{kind, member},
    functions::{self, MAX_BYTES, text_of},
    parser::{Expr, Key, Start},
    scope::{Root, Scope},
    template::{Part, Template},
};
use crate::diagnostic::list;

/// Evaluated nodes of one string.
const MAX_STEPS: usize = 100_000;
/// Bytes of all results of functions in one string, and of all their arguments.
const MAX_PRODUCED: usize = 64 << 20;
const MAX_TAKEN: usize = 256 << 20;

/// Evaluates a whole string.
pub(super) fn template(template: &Template, scope: &Scope) -> Result<Value> {
    let mut evaluation = Evaluation { scope, steps: 0, produced: 0, taken: 0 };
    match template {
        Template::Text(text) => Ok(Value::String(text.clone())),
        Template::Whole(expr) => evaluation.expression(expr).map(Cow::into_owned),
        Template::Parts(parts) => {
            let mut text = String::new();
            for part in parts {
                match part {
                    Part::Text(plain) => text.push_str(plain),
                    Part::Expr(expr) => {
                        let part = text_of(evaluation.expression(expr)?.as_ref());
                        evaluation.admit(part.len(), expr.at)?;
                        text.push_str(&part);
                        if text.len() > MAX_BYTES {
                            return Err(too_large(expr.at));
                        }
                    }
                }
            }
            Ok(Value::String(text))
        }
    }
}

struct Evaluation<'s> {
    scope: &'s Scope,
    steps: usize,
    produced: usize,
    taken: usize,
}

impl<'s> Evaluation<'s> {
    fn expression(&mut self, expr: &Expr) -> Result<Cow<'s, Value>> {
        self.steps += 1 + expr.steps.len();
        if self.steps > MAX_STEPS {
            return Err(error(expr.at, format!("the expression needs more than {MAX_STEPS} steps")));
        }
        let mut value = match &expr.start {
            Start::Literal(value) => Cow::Owned(value.clone()),
            Start::Call { name, arguments } => self.call(expr.at, name, arguments)?,
        };
        for step in &expr.steps {
            let key = match &step.key {
                Key::Name(name) => Value::String(name.clone()),
                Key::Computed(key) => self.expression(key)?.into_owned(),
            };
            value = member(value, &key, step.safe).map_err(|message| error(step.at, message))?;
        }
        Ok(value)
    }

    fn call(&mut self, at: usize, name: &str, arguments: &[Expr]) -> Result<Cow<'s, Value>> {
        if let Some(root) = self.scope.root(name) {
            return self.root(at, name, root, arguments);
        }
        if let Some(result) = self.lazy(at, name, arguments)? {
            return Ok(result);
        }
        let Some(function) = functions::find(name) else {
            let is_early = name.eq_ignore_ascii_case("item");
            return Err(ExpressionError { is_early, ..error(at, self.unknown(name)) });
        };
        function.check_arity(arguments.len()).map_err(|message| error(at, message))?;
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let value = self.expression(argument)?;
            self.taken += weight(&value);
            if self.taken > MAX_TAKEN {
                return Err(error(at, format!("the expression hands on more than {MAX_TAKEN} bytes of arguments")));
            }
            values.push(value.into_owned());
        }
        let value = (function.call)(&values, self.scope)
            .map_err(|message| error(at, format!("the function '{}' {message}", function.name)))?;
        self.admit(weight(&value), at)?;
        Ok(Cow::Owned(value))
    }

    fn root(&mut self, at: usize, name: &str, root: &'s Root, arguments: &[Expr]) -> Result<Cow<'s, Value>> {
        match (root, arguments) {
            (Root::Value(value), []) => Ok(Cow::Borrowed(value)),
            (Root::Value(_), _) => Err(error(at, format!("'{name}()' takes no argument"))),
            (Root::Keyed(what, values), [key]) => {
                let key = self.expression(key)?;
                let key =
                    key.as_str().ok_or_else(|| error(at, format!("'{name}' needs the name of {what} as text")))?;
                let found = values.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
                found
                    .map(|(_, value)| Cow::Borrowed(value))
                    .ok_or_else(|| self.missing_key(at, name, key, (what, values)))
            }
            (Root::Keyed(what, _), _) => Err(error(at, format!("'{name}' takes one argument, the name of {what}"))),
        }
    }

    /// Why there is nothing under a key of a root.
    fn missing_key(
        &self,
        at: usize,
        root: &str,
        key: &str,
        (what, values): (&str, &BTreeMap<String, Value>),
    ) -> ExpressionError {
        if self.scope.is_set_later(root, key) {
            let message = format!("the variable '{key}' is set by an activity of this pipeline, which has not run yet");
            return ExpressionError { is_early: true, ..error(at, message) };
        }
        let message = format!("'{key}' is not {what} that can be used here; available are {}", list(values.keys()));
        ExpressionError { is_early: root.eq_ignore_ascii_case("activity"), ..error(at, message) }
    }

    /// The functions that evaluate only the arguments they need. `None` for every other name.
    fn lazy(&mut self, at: usize, name: &str, arguments: &[Expr]) -> Result<Option<Cow<'s, Value>>> {
        let name = name.to_ascii_lowercase();
        match (name.as_str(), arguments) {
            ("if", [condition, then, otherwise]) => {
                let chosen = if self.condition(&name, condition)? { then } else { otherwise };
                self.expression(chosen).map(Some)
            }
            ("and", [left, right]) => {
                let both = self.condition(&name, left)? && self.condition(&name, right)?;
                Ok(Some(Cow::Owned(Value::Bool(both))))
            }
            ("or", [left, right]) => {
                let either = self.condition(&name, left)? || self.condition(&name, right)?;
                Ok(Some(Cow::Owned(Value::Bool(either))))
            }
            ("if", _) => Err(error(at, format!("the function 'if' takes 3 arguments, got {}", arguments.len()))),
            ("and" | "or", _) => {
                Err(error(at, format!("the function '{name}' takes 2 arguments, got {}", arguments.len())))
            }
            _ => Ok(None),
        }
    }

    fn condition(&mut self, function: &str, expr: &Expr) -> Result<bool> {
        let value = self.expression(expr)?;
        value.as_bool().ok_or_else(|| {
            error(expr.at, format!("the function '{function}' needs true or false here, got {}", kind(&value)))
        })
    }

    fn admit(&mut self, bytes: usize, at: usize) -> Result<()> {
        self.produced += bytes;
        if bytes > MAX_BYTES || self.produced > MAX_PRODUCED {
            return Err(too_large(at));
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> String {
        if functions::is_root(name) {
            return format!("'{name}()' has no value here; available are {}", self.scope.available().join(", "));
        }
        functions::unknown(name)
    }
}

/// About the bytes that a value holds.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| 8 + weight(item)).sum(),
        Value::Object(object) => object.iter().map(|(key, item)| key.len() + 8 + weight(item)).sum(),
        _ => 8,
    }
}

fn too_large(at: usize) -> ExpressionError {
    error(at, format!("the expression's result is larger than {MAX_BYTES} bytes"))
}

fn error(at: usize, message: String) -> ExpressionError {
    ExpressionError { at, message, is_early: false }
}
