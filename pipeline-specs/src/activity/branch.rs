//! The lists of activities within an activity.

use serde_json::Value;

use super::{Activity, Kind};
use crate::diagnostic::{element, property};

/// A list of activities that an activity may run.
#[derive(Debug)]
pub struct Branch<'f> {
    /// Which one it is.
    pub name: BranchName,
    /// Its activities, each after those it depends on.
    pub activities: Vec<Activity<'f>>,
}

/// What decides for a list of activities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchName {
    /// The one list of a ForEach or an Until.
    Body,
    /// `ifTrueActivities`.
    True,
    /// `ifFalseActivities`.
    False,
    /// A case of a Switch.
    Case(String),
    /// `defaultActivities`.
    Default,
}

impl BranchName {
    /// As a person reads it: `true`, `case north`.
    pub fn text(&self) -> String {
        match self {
            Self::Body => "each time".to_owned(),
            Self::True => "if true".to_owned(),
            Self::False => "if false".to_owned(),
            Self::Case(value) => format!("case '{value}'"),
            Self::Default => "default".to_owned(),
        }
    }
}

/// Where the lists of an activity stand in its definition: name, values, JSON path.
pub(crate) fn inner_lists<'f>(kind: Kind, activity: &'f Value, path: &str) -> Vec<(BranchName, &'f [Value], String)> {
    let path = property(path, "typeProperties");
    let Some(properties) = activity.get("typeProperties") else { return Vec::new() };
    let list = |name: BranchName, key: &str| {
        let values = properties.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        (name, values, property(&path, key))
    };
    match kind {
        Kind::ForEach | Kind::Until => vec![list(BranchName::Body, "activities")],
        Kind::If => vec![list(BranchName::True, "ifTrueActivities"), list(BranchName::False, "ifFalseActivities")],
        Kind::Switch => {
            let cases = properties.get("cases").and_then(Value::as_array).into_iter().flatten();
            let case = |(index, case): (usize, &'f Value)| {
                let path = element(&property(&path, "cases"), index);
                let values = case.get("activities").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let value = case.get("value").map(crate::copy::text).unwrap_or_default();
                (BranchName::Case(value), values, property(&path, "activities"))
            };
            let mut all: Vec<_> = cases.enumerate().map(case).collect();
            all.push(list(BranchName::Default, "defaultActivities"));
            all
        }
        _ => Vec::new(),
    }
}
