//! Resources of a template that are parts of a factory.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{
    Beside,
    globals::Globals,
    repeat::Repeat,
    scope::{Evaluated, Missing, Scope},
};
use crate::{
    definition::{PROPERTIES, Refusal},
    diagnostic::{Findings, element, property},
    envelope::Envelope,
    kind::Kind,
    schema::{self, get},
    v1,
};

/// Templates in templates beyond this are an accident.
const MAX_DEPTH: usize = 4;
/// What stands for a secret that is missing, as the service writes it.
const MASKED: &str = "**********";

/// Reads the resources of a template, and of those in it.
pub(super) struct Reader<'a> {
    file: &'a Path,
    beside: &'a Beside<'a>,
    findings: &'a mut Findings,
    found: Vec<Envelope>,
    globals: Globals,
    /// How many resources there are of each type that is no part of a factory.
    others: BTreeMap<String, usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Path, beside: &'a Beside<'a>, findings: &'a mut Findings) -> Self {
        Self { file, beside, findings, found: Vec::new(), globals: Globals::default(), others: BTreeMap::new() }
    }

    pub(super) fn finish(mut self) -> Vec<Envelope> {
        self.found.extend(self.globals.envelope(self.file));
        if !self.others.is_empty() {
            let counted: Vec<String> = self.others.iter().map(|(name, count)| format!("{count} x {name}")).collect();
            let message = format!("resources that are no part of a factory are left out: {}", counted.join(", "));
            self.findings.warning("template-resource", "$.resources", message);
        }
        self.found
    }

    /// Everything of one template.
    pub(super) fn template(
        &mut self,
        root: &Map<String, Value>,
        outer: &Scope,
        given: &Map<String, Value>,
        depth: usize,
    ) {
        let scope = Scope::of(root, given, outer);
        self.resources(root, &scope, depth);
    }

    fn resources(&mut self, owner: &Map<String, Value>, scope: &Scope, depth: usize) {
        let resources = get(owner, "resources").and_then(Value::as_array).into_iter().flatten();
        for resource in resources.filter_map(Value::as_object) {
            self.resource(resource, scope, depth);
        }
    }

    fn resource(&mut self, resource: &Map<String, Value>, scope: &Scope, depth: usize) {
        let type_name = get(resource, "type").and_then(Value::as_str).unwrap_or_default();
        let (owner, last) = type_name.rsplit_once('/').unwrap_or(("", type_name));
        if last.eq_ignore_ascii_case("deployments") {
            return self.deployment(resource, scope, depth);
        }
        let is_whole = ["factories", "datafactories", "workspaces"].iter().any(|name| last.eq_ignore_ascii_case(name));
        if is_whole {
            let properties = get(resource, "properties").and_then(Value::as_object);
            self.global_parameters(properties.and_then(|properties| get(properties, "globalParameters")), scope);
            // Parts of a factory may stand inside of it.
            return self.resources(resource, scope, depth);
        }
        if last.eq_ignore_ascii_case("globalParameters") {
            return self.global_parameters(get(resource, "properties"), scope);
        }
        let owner = owner.to_ascii_lowercase();
        let of_factory = owner.is_empty() || owner.contains("factories") || owner.contains("synapse/workspaces");
        let Some((kind, folder)) = Kind::named(last).filter(|_| of_factory) else {
            *self.others.entry(type_name.to_owned()).or_default() += 1;
            return;
        };
        match Repeat::of_resource(resource, scope) {
            Ok(None) => self.part((kind, folder), resource, scope),
            Ok(Some(repeat)) => {
                repeat.scopes(scope, true).for_each(|scope| self.part((kind, folder), resource, &scope))
            }
            Err(why) => {
                let message = format!(
                    "a resource of type {type_name} is made in a loop ('copy') that cannot be followed, and is left out: {why}"
                );
                self.findings.warning("template-loop", "$.resources", message);
            }
        }
    }

    /// One part of a factory.
    fn part(&mut self, (kind, folder): (Kind, &'static str), resource: &Map<String, Value>, scope: &Scope) {
        let definition = Definition::read(resource, scope, kind);
        let file = PathBuf::from(format!("{}#{folder}/{}", self.file.display(), definition.name));
        let version_1 = v1::is_version_1(&Map::new(), &definition.properties);
        let Definition { name, properties, refusals } = definition;
        self.found.push(Envelope { file, kind, folder, name, properties, version_1, refusals, exported: true });
    }

    fn global_parameters(&mut self, written: Option<&Value>, scope: &Scope) {
        for (name, specification) in written.and_then(Value::as_object).into_iter().flatten() {
            let mut tree = Tree { scope, kind: Kind::Other, refusals: Vec::new() };
            let path = property(&property(PROPERTIES, "globalParameters"), name);
            let specification = tree.value(specification, &path, false);
            self.globals.add(name, specification, tree.refusals);
        }
    }

    /// A template in this one, or beside it.
    fn deployment(&mut self, resource: &Map<String, Value>, scope: &Scope, depth: usize) {
        let Some(properties) = get(resource, "properties").and_then(Value::as_object) else { return };
        if depth >= MAX_DEPTH {
            let message = format!("templates in templates, more than {MAX_DEPTH} deep, are not read");
            return self.findings.warning("template-link", "$.resources", message);
        }
        let mut given = Map::new();
        for (name, value) in get(properties, "parameters").and_then(Value::as_object).into_iter().flatten() {
            let mut tree = Tree { scope, kind: Kind::Other, refusals: Vec::new() };
            let value = tree.value(value, "", false);
            // What is missing outside is missing inside, under the name that it has there.
            if tree.refusals.is_empty() {
                given.insert(name.clone(), value);
            }
        }
        if let Some(template) = get(properties, "template").and_then(Value::as_object) {
            return self.template(template, scope, &given, depth + 1);
        }
        let Some(name) = link(properties) else { return };
        match (self.beside.linked)(&name) {
            Some(template) => self.template(&template, scope, &given, depth + 1),
            None => {
                let message = format!("the template links to '{name}', which is not beside it; put it there");
                self.findings.warning("template-link", "$.resources", message);
            }
        }
    }
}

/// The names of the files that a template links to.
pub(super) fn links(root: &Map<String, Value>) -> Vec<String> {
    let resources = get(root, "resources").and_then(Value::as_array).into_iter().flatten();
    resources.filter_map(|resource| get(resource.as_object()?, "properties")?.as_object()).filter_map(link).collect()
}

/// The file's name in `templateLink.uri`, which is an address, or an expression that ends in one.
fn link(deployment: &Map<String, Value>) -> Option<String> {
    let uri = get(get(deployment, "templateLink")?.as_object()?, "uri")?.as_str()?;
    let end = uri.to_ascii_lowercase().find(".json")? + ".json".len();
    let start = uri[..end].rfind(['/', '\\', '\'']).map_or(0, |at| at + 1);
    let name = &uri[start..end];
    (!name.starts_with('.')).then(|| name.to_owned())
}

/// A resource with its expressions evaluated.
struct Definition {
    name: String,
    properties: Map<String, Value>,
    refusals: Vec<Refusal>,
}

impl Definition {
    fn read(resource: &Map<String, Value>, scope: &Scope, kind: Kind) -> Self {
        let Evaluated { value, missing } =
            scope.evaluate(get(resource, "name").and_then(Value::as_str).unwrap_or_default());
        let full = value.as_str().unwrap_or_default().to_owned();
        // The factory's own name stands before it, and is of no use here.
        let name = full.split_once('/').map_or(&*full, |(_, name)| name).to_owned();
        let mut tree = Tree { scope, kind, refusals: Vec::new() };
        tree.refuse("$.name", missing.into_iter().filter(|missing| name.contains(&missing.stand_in())).collect());
        let properties = get(resource, "properties").cloned().unwrap_or_default();
        let properties = match tree.value(&properties, PROPERTIES, false) {
            Value::Object(properties) => properties,
            _ => Map::new(),
        };
        Self { name, properties, refusals: tree.refusals }
    }
}

/// The evaluation of a resource's properties.
struct Tree<'s> {
    scope: &'s Scope,
    kind: Kind,
    refusals: Vec<Refusal>,
}

impl Tree<'_> {
    /// `secret` says that what is missing may be supplied when the linked service is used.
    fn value(&mut self, value: &Value, path: &str, secret: bool) -> Value {
        match value {
            Value::String(text) => self.text(text, path, secret),
            Value::Array(items) => {
                let each = items.iter().enumerate();
                each.map(|(index, item)| self.value(item, &element(path, index), secret)).collect()
            }
            Value::Object(members) => {
                let made = self.made(members, path, secret);
                let type_name = get(members, "type").and_then(Value::as_str).unwrap_or_default();
                let class = schema::type_properties_class("LinkedService", type_name);
                let secure = secret || type_name.eq_ignore_ascii_case("SecureString");
                let mut new = Map::new();
                for (name, member) in members {
                    if made.is_some() && name.eq_ignore_ascii_case("copy") {
                        continue;
                    }
                    let path = property(path, name);
                    let settings =
                        get(members, "typeProperties").filter(|_| name.eq_ignore_ascii_case("typeProperties"));
                    let member = match (settings.and_then(Value::as_object), &class) {
                        (Some(settings), Some(class)) if self.kind == Kind::LinkedService => {
                            self.settings(settings, class, &path)
                        }
                        _ => self.value(member, &path, secure),
                    };
                    new.insert(name.clone(), member);
                }
                new.extend(made.into_iter().flatten());
                new.into()
            }
            other => other.clone(),
        }
    }

    /// The values that a `copy` among these members makes, if there is one.
    fn made(&mut self, members: &Map<String, Value>, path: &str, secret: bool) -> Option<Map<String, Value>> {
        let mut made = Map::new();
        for (written, input) in Repeat::of_values(get(members, "copy")?)? {
            let repeat = match Repeat::read(written, input, self.scope) {
                Ok(repeat) => repeat,
                Err(why) => {
                    self.refuse(&property(path, "copy"), vec![Missing::Wrong(why)]);
                    continue;
                }
            };
            let path = property(path, repeat.name());
            let mut items = Vec::new();
            for (index, scope) in repeat.scopes(self.scope, false).enumerate() {
                let mut tree = Tree { scope: &scope, kind: self.kind, refusals: Vec::new() };
                items.push(tree.value(input, &element(&path, index), secret));
                self.refusals.extend(tree.refusals);
            }
            made.insert(repeat.name().to_owned(), items.into());
        }
        Some(made)
    }

    /// A linked service's settings.
    fn settings(&mut self, settings: &Map<String, Value>, class: &str, path: &str) -> Value {
        let mut new = Map::new();
        for (name, value) in settings {
            let known = schema::property_names(class).find(|known| known.eq_ignore_ascii_case(name));
            let secret = known.and_then(|known| schema::shape_of(class, known)) == Some("secret");
            new.insert(name.clone(), self.value(value, &property(path, name), secret));
        }
        new.into()
    }

    fn text(&mut self, text: &str, path: &str, secret: bool) -> Value {
        let Evaluated { value, missing } = self.scope.evaluate(text);
        if missing.is_empty() {
            return value;
        }
        if secret {
            return json!(MASKED);
        }
        self.refuse(path, missing);
        value
    }

    fn refuse(&mut self, path: &str, missing: Vec<Missing>) {
        for missing in missing {
            let (code, message) = match missing {
                Missing::Parameter(name) => (
                    "missing-template-parameter",
                    format!(
                        "the template's parameter '{name}' has no value; give it one in a file beside the template that is named like it and ends in .parameters.json: {}",
                        json!({ "parameters": { name.as_str(): { "value": "..." } } })
                    ),
                ),
                Missing::Function(name) => (
                    "template-function",
                    format!("the template's function '{name}' is evaluated by Azure only; write its value instead"),
                ),
                Missing::Wrong(why) => {
                    ("template-expression", format!("the template's expression cannot be read: {why}"))
                }
            };
            self.refusals.push(Refusal { path: path.to_owned(), code, message });
        }
    }
}
