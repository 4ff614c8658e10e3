//! What expressions of a template see: parameters with their values, and variables.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use serde_json::{Map, Value};

use super::{
    call,
    expression::{self, Expr},
    repeat::Repeat,
};
use crate::schema::get;

/// Values that refer to values that refer to values beyond this do so in a circle.
const MAX_DEPTH: usize = 16;
/// What loops may make, in bytes.
const MAX_MADE: usize = 64 << 20;
/// How much of a template one string may take in: values that hold each other many times grow without end.
const MAX_STEPS: usize = 10_000;

/// What is known inside of one template.
#[derive(Default)]
pub(super) struct Scope {
    /// By name in lower case; `None` for a parameter that nobody gave a value.
    parameters: Rc<BTreeMap<String, Option<Parameter>>>,
    variables: Rc<BTreeMap<String, Value>>,
    /// The loops around it, the innermost last.
    loops: Vec<Round>,
    room: Room,
}

/// The bytes that all loops of a template may still make, `None` once one wanted more: loops in loops grow without end.
#[derive(Clone)]
struct Room(Rc<Cell<Option<usize>>>);

impl Default for Room {
    fn default() -> Self {
        Self(Rc::new(Cell::new(Some(MAX_MADE))))
    }
}

/// One time of a loop.
#[derive(Clone)]
struct Round {
    name: String,
    index: u64,
    of_resource: bool,
}

/// The value of a parameter.
#[derive(Clone)]
enum Parameter {
    /// As somebody gave it: no expression.
    Given(Value),
    /// As the template has it.
    Default(Value),
}

/// The value of a string, and what was missing for it.
#[derive(Debug, PartialEq)]
pub(super) struct Evaluated {
    /// With names in braces where something is missing.
    pub(super) value: Value,
    pub(super) missing: Vec<Missing>,
}

/// What only Azure, or a person, could tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Missing {
    Parameter(String),
    Function(String),
    /// Why the expression cannot be read.
    Wrong(String),
}

impl Missing {
    /// What stands in a text where it is missing.
    pub(super) fn stand_in(&self) -> String {
        match self {
            Self::Parameter(name) | Self::Function(name) => format!("{{{name}}}"),
            Self::Wrong(_) => "{?}".to_owned(),
        }
    }
}

impl Scope {
    /// The scope of a template that is given these parameters; those that it declares win over `outer`'s.
    pub(super) fn of(template: &Map<String, Value>, given: &Map<String, Value>, outer: &Self) -> Self {
        let mut parameters = BTreeMap::clone(&outer.parameters);
        let declared = get(template, "parameters").and_then(Value::as_object).into_iter().flatten();
        for (name, specification) in declared {
            let given = get(given, name).and_then(|given| get(given.as_object()?, "value"));
            let default = specification.as_object().and_then(|specification| get(specification, "defaultValue"));
            let type_name = specification.get("type").and_then(Value::as_str).unwrap_or_default();
            let secure = type_name.to_ascii_lowercase().starts_with("secure");
            // An export leaves secrets empty.
            let is_value = |value: &&Value| !value.is_null() && (!secure || value.as_str() != Some(""));
            let given = given.filter(is_value).cloned().map(Parameter::Given);
            let value = given.or_else(|| default.filter(is_value).cloned().map(Parameter::Default));
            parameters.insert(name.to_lowercase(), value);
        }
        let written = get(template, "variables").and_then(Value::as_object).into_iter().flatten();
        let (loops, plain): (Vec<_>, Vec<_>) =
            written.partition(|(name, value)| name.eq_ignore_ascii_case("copy") && Repeat::of_values(value).is_some());
        let mut variables = BTreeMap::clone(&outer.variables);
        variables.extend(plain.into_iter().map(|(name, value)| (name.to_lowercase(), value.clone())));
        let scope = Self {
            parameters: Rc::new(parameters),
            variables: Rc::new(variables),
            loops: outer.loops.clone(),
            room: outer.room.clone(),
        };
        scope.with_loops(loops.into_iter().filter_map(|(_, value)| Repeat::of_values(value)).flatten())
    }

    /// The same with variables that are made in loops. One that needs what nobody gave is not known, and missed by its name.
    fn with_loops<'t>(mut self, loops: impl Iterator<Item = (&'t Map<String, Value>, &'t Value)>) -> Self {
        for (written, input) in loops {
            let Ok(repeat) = Repeat::read(written, input, &self) else { continue };
            let made: Option<Value> = repeat.scopes(&self, false).map(|scope| scope.whole(input)).collect();
            if let Some(made) = made {
                Rc::make_mut(&mut self.variables).insert(repeat.name().to_lowercase(), made);
            }
        }
        self
    }

    /// The value of a tree; `None` if something is missing for it.
    fn whole(&self, value: &Value) -> Option<Value> {
        let run = Run { scope: self, missing: RefCell::default(), steps: Cell::default() };
        let value = run.tree(value, 0);
        run.missing.into_inner().is_empty().then_some(value)
    }

    /// The same within one time of a loop.
    pub(super) fn in_loop(&self, name: &str, index: u64, of_resource: bool) -> Self {
        let mut loops = self.loops.clone();
        loops.push(Round { name: name.to_owned(), index, of_resource });
        Self {
            parameters: Rc::clone(&self.parameters),
            variables: Rc::clone(&self.variables),
            loops,
            room: self.room.clone(),
        }
    }

    /// Takes the room for what a loop makes; false if there is not so much.
    pub(super) fn take_room(&self, bytes: usize) -> bool {
        let left = self.room.0.get().and_then(|left| left.checked_sub(bytes));
        self.room.0.set(left);
        left.is_some()
    }

    /// Whether no loop wanted more than there was room for.
    pub(super) fn has_room(&self) -> bool {
        self.room.0.get().is_some()
    }

    /// `copyIndex`, which names a loop or means the resource's, and may add to its number.
    fn index(&self, arguments: &[Expr]) -> Option<i64> {
        let (named, offset) = match arguments {
            [] => (None, 0),
            [Expr::Number(offset)] => (None, *offset),
            [Expr::Text(name)] => (Some(name), 0),
            [Expr::Text(name), Expr::Number(offset)] => (Some(name), *offset),
            _ => return None,
        };
        let is_meant = |round: &&Round| named.map_or(round.of_resource, |name| name.eq_ignore_ascii_case(&round.name));
        let round = self.loops.iter().rev().find(is_meant)?;
        i64::try_from(round.index).ok()?.checked_add(offset)
    }

    /// The value of one string of a template.
    pub(super) fn evaluate(&self, text: &str) -> Evaluated {
        let run = Run { scope: self, missing: RefCell::default(), steps: Cell::default() };
        let value = run.text(text, 0);
        Evaluated { value, missing: run.missing.into_inner() }
    }
}

/// One evaluation.
pub(super) struct Run<'s> {
    scope: &'s Scope,
    missing: RefCell<Vec<Missing>>,
    steps: Cell<usize>,
}

impl Run<'_> {
    /// Stands for what is missing.
    pub(super) fn lack(&self, missing: Missing) -> Value {
        let stand_in = missing.stand_in();
        let mut all = self.missing.borrow_mut();
        if !all.contains(&missing) {
            all.push(missing);
        }
        stand_in.into()
    }

    fn text(&self, text: &str, depth: usize) -> Value {
        let Some(source) = expression::source(text) else { return expression::unescaped(text).into() };
        if depth > MAX_DEPTH {
            return self.lack(Missing::Wrong("values refer to each other in a circle".to_owned()));
        }
        self.steps.set(self.steps.get() + source.len());
        if self.steps.get() > MAX_STEPS.max(text.len()) {
            return self.lack(Missing::Wrong("the value takes in too much of the template".to_owned()));
        }
        match expression::parse(source) {
            Ok(parsed) => self.expression(&parsed, depth),
            Err(why) => self.lack(Missing::Wrong(why)),
        }
    }

    fn tree(&self, value: &Value, depth: usize) -> Value {
        match value {
            Value::String(text) => self.text(text, depth),
            Value::Array(items) => items.iter().map(|item| self.tree(item, depth)).collect(),
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| (name.clone(), self.tree(value, depth));
                members.iter().map(member).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    fn expression(&self, parsed: &Expr, depth: usize) -> Value {
        match parsed {
            Expr::Text(text) => text.as_str().into(),
            Expr::Number(number) => (*number).into(),
            Expr::Call(name, arguments) => self.call(name, arguments, depth),
            Expr::Member(of, name) => match self.expression(of, depth) {
                Value::Object(members) => get(&members, name).cloned().unwrap_or_default(),
                // Something that is missing has no members either, and is named already.
                other => other,
            },
            Expr::Index(of, at) => match (self.expression(of, depth), self.expression(at, depth)) {
                (Value::Array(items), Value::Number(at)) => {
                    let at = at.as_u64().and_then(|at| usize::try_from(at).ok());
                    at.and_then(|at| items.get(at).cloned()).unwrap_or_default()
                }
                (Value::Object(members), Value::String(name)) => get(&members, &name).cloned().unwrap_or_default(),
                (other, _) => other,
            },
        }
    }

    fn call(&self, name: &str, arguments: &[Expr], depth: usize) -> Value {
        let lower = name.to_ascii_lowercase();
        if let ("parameters" | "variables", [Expr::Text(named)]) = (lower.as_str(), arguments) {
            let key = named.to_lowercase();
            let parameter = self.scope.parameters.get(&key).and_then(Option::as_ref);
            return match (lower.as_str(), parameter, self.scope.variables.get(&key)) {
                ("parameters", Some(Parameter::Given(value)), _) => value.clone(),
                ("parameters", Some(Parameter::Default(value)), _) | ("variables", _, Some(value)) => {
                    self.tree(value, depth + 1)
                }
                _ => self.lack(Missing::Parameter(named.clone())),
            };
        }
        if lower == "copyindex" {
            let index = self.scope.index(arguments);
            return index.map_or_else(|| self.lack(Missing::Function(name.to_owned())), Value::from);
        }
        let values: Vec<Value> = arguments.iter().map(|argument| self.expression(argument, depth)).collect();
        call::evaluate(&lower, &values).unwrap_or_else(|| self.lack(Missing::Function(name.to_owned())))
    }
}
