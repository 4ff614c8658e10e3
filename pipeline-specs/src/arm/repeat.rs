//! `copy`: a resource, or a value, that is made several times.

use serde_json::{Map, Value};

use super::scope::Scope;
use crate::schema::get;

/// As many as the resource manager makes of one.
const MAX_COUNT: u64 = 800;
/// What a value takes beside its text, in bytes.
const OF_VALUE: usize = 128;

/// How often, and under which name its number is known.
pub(super) struct Repeat {
    name: String,
    count: u64,
}

impl Repeat {
    /// Of a resource: `"copy": {"name": ..., "count": ...}`. `None` if it is made once.
    ///
    /// # Errors
    /// Why it is not known how often.
    pub(super) fn of_resource(resource: &Map<String, Value>, scope: &Scope) -> Result<Option<Self>, String> {
        let Some(written) = get(resource, "copy").filter(|written| !written.is_null()) else { return Ok(None) };
        let written = written.as_object().ok_or("it is no object with 'name' and 'count'")?;
        Self::read(written, &Value::Object(resource.clone()), scope).map(Some)
    }

    /// Of values: every element of `"copy": [{"name": ..., "count": ..., "input": ...}]`, with what it makes. `None` if the
    /// value is another one that happens to have this name.
    pub(super) fn of_values(copy: &Value) -> Option<Vec<(&Map<String, Value>, &Value)>> {
        let elements = copy.as_array().filter(|elements| !elements.is_empty())?.iter();
        let whole =
            |element: &'_ Map<String, Value>| ["name", "count", "input"].iter().all(|key| get(element, key).is_some());
        elements
            .map(|element| element.as_object().filter(|it| whole(it)).and_then(|it| Some((it, get(it, "input")?))))
            .collect()
    }

    /// How often `input` is made.
    ///
    /// # Errors
    /// Why it is not known how often, or that it is too much.
    pub(super) fn read(written: &Map<String, Value>, input: &Value, scope: &Scope) -> Result<Self, String> {
        let name = get(written, "name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let count = match get(written, "count") {
            Some(Value::String(text)) => {
                let evaluated = scope.evaluate(text);
                match evaluated.missing.first() {
                    Some(missing) => return Err(format!("its 'count' needs '{}'", missing.stand_in())),
                    None => evaluated.value,
                }
            }
            other => other.cloned().unwrap_or_default(),
        };
        let count = count.as_u64().ok_or("its 'count' is no number")?;
        if count > MAX_COUNT {
            return Err(format!("its 'count' is {count}, and the resource manager takes {MAX_COUNT} at most"));
        }
        let bytes = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(input.to_string().len() + OF_VALUE);
        if !scope.take_room(bytes) {
            return Err("the loops of the template make too much".to_owned());
        }
        Ok(Self { name, count })
    }

    /// The name of what is made.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A scope for each time, in which `copyIndex` says the how manieth it is.
    pub(super) fn scopes(&self, scope: &Scope, of_resource: bool) -> impl Iterator<Item = Scope> {
        // Where one loop makes too much, which is told, those around it need not go on.
        (0..self.count).take_while(|_| scope.has_room()).map(move |index| scope.in_loop(&self.name, index, of_resource))
    }
}
