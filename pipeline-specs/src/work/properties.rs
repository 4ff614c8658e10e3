//! The properties of one activity, evaluated as they are asked for.

use serde_json::{Map, Value};

use crate::{
    activity::Activity,
    copy,
    diagnostic::{Findings, property},
    evaluation::{Context, Twin},
    inputs::Inputs,
    policy::integer,
    support::Moment,
};

/// The `typeProperties` of an activity. What is asked for becomes part of the activity's input in reports.
pub(super) struct Properties<'a> {
    pub(super) activity: &'a Activity<'a>,
    pub(super) context: &'a Context,
    pub(super) inputs: &'a Inputs,
    pub(super) path: String,
    pub(super) findings: &'a mut Findings,
    input: Map<String, Value>,
}

impl<'a> Properties<'a> {
    pub(super) fn new(
        activity: &'a Activity<'a>,
        context: &'a Context,
        inputs: &'a Inputs,
        findings: &'a mut Findings,
    ) -> Self {
        let path = property(&activity.path, "typeProperties");
        let written = activity.value.get("typeProperties").unwrap_or(&Value::Null);
        super::check(activity.type_name(), written, &path, Moment::Run { strict: inputs.strict }, findings);
        Self { activity, context, inputs, path, findings, input: Map::new() }
    }

    /// What happens with what is ignored or refused.
    pub(super) fn moment(&self) -> Moment {
        Moment::Run { strict: self.inputs.strict }
    }

    /// What was asked for, without secrets.
    pub(super) fn input(self) -> Value {
        self.input.into()
    }

    /// The path of a property, for messages.
    pub(super) fn path_of(&self, name: &str) -> String {
        property(&self.path, name)
    }

    pub(super) fn error(&mut self, code: &'static str, name: &str, message: impl Into<String>) {
        let path = self.path_of(name);
        self.findings.error(code, &path, message);
    }

    /// The evaluated property; `None` if it is absent or null.
    pub(super) fn get(&mut self, name: &str) -> Option<Twin> {
        let written = self.activity.type_property(name)?;
        let twin = self.context.evaluate(written, &self.path_of(name), self.findings);
        self.input.insert(name.to_owned(), twin.masked.clone());
        Some(twin)
    }

    /// The same of a property that must be there.
    pub(super) fn required(&mut self, name: &str) -> Option<Twin> {
        if self.activity.type_property(name).is_none() {
            let message = format!("the activity '{}' has no '{name}'", self.activity.name);
            self.error("missing-property", name, message);
            return None;
        }
        self.get(name)
    }

    /// A text that must be there and not be empty.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.required(name)?.real;
        let text = copy::text(&value);
        if value.is_null() || text.trim().is_empty() {
            self.error("wrong-value", name, format!("'{name}' must not be empty"));
            return None;
        }
        Some(text)
    }

    /// A whole number; `None` if it is absent, or wrong and reported.
    pub(super) fn number(&mut self, name: &str) -> Option<u64> {
        let value = self.get(name)?.real;
        let number = integer(&value);
        if number.is_none() {
            self.error("wrong-value", name, format!("'{name}' must be a whole number of at least 0"));
        }
        number
    }

    /// True or false; absent is `default`.
    pub(super) fn flag(&mut self, name: &str, default: bool) -> bool {
        match self.get(name) {
            None => default,
            Some(twin) => {
                let object = Map::from_iter([(name.to_owned(), twin.real)]).into();
                copy::flag(&object, name, &self.path, self.findings)
            }
        }
    }

    /// Puts something into the activity's input that is no property of its own.
    pub(super) fn note(&mut self, name: &str, value: Value) {
        self.input.insert(name.to_owned(), value);
    }
}
