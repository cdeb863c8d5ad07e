//! Avro: whether a reader's schema reads what a writer's wrote, by the specification's rules (Apache Avro 1.12, "Schema Resolution").
//!
//! Decided for all that a writer may write: a union of the writer's is read where each of its branches is. (The specification lets a reader
//! fail at the first value of a branch that it doesn't know; a registry has to say so before.)

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::json::excerpt;
use super::{DEEPEST, SchemaChange, SchemaError};

/// Compares two Avro schemas.
///
/// # Errors
/// [`SchemaError`] for a text that is none.
pub fn compare_avro_schemas(before: &str, after: &str) -> Result<Vec<SchemaChange>, SchemaError> {
    let read = |text: &str| serde_json::from_str(text).map_err(|error| SchemaError::Json(error.to_string()));
    let (before, after): (Value, Value) = (read(before)?, read(after)?);
    let (before, after) = (Parsed::of(&before)?, Parsed::of(&after)?);
    let problems = |writer: &Parsed<'_>, reader: &Parsed<'_>| {
        let mut resolution =
            Resolution { writer, reader, found: HashMap::new(), fitting: Vec::new(), depth: 0, problems: Vec::new() };
        resolution.types("#", &writer.root, &reader.root)?;
        Ok::<_, SchemaError>(resolution.problems)
    };
    let (backward, mut forward) = (problems(&before, &after)?, problems(&after, &before)?);
    let mut changes = Vec::new();
    for (path, what) in backward {
        let both = forward.iter().position(|(at, _)| *at == path).map(|place| forward.remove(place));
        changes.push(SchemaChange { path, what, breaks_backward: true, breaks_forward: both.is_some() });
    }
    let only = |(path, what)| SchemaChange { path, what, breaks_backward: false, breaks_forward: true };
    changes.extend(forward.into_iter().map(only));
    Ok(changes)
}

const PRIMITIVES: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

/// A type as resolution sees it.
#[derive(Debug, Clone)]
enum Type<'s> {
    Primitive(&'s str, Option<Logical<'s>>),
    Array(Box<Type<'s>>),
    Map(Box<Type<'s>>),
    Union(Vec<Type<'s>>),
    /// By its full name.
    Named(String),
}

/// What has a name, and is defined once.
#[derive(Debug)]
struct Definition<'s> {
    name: &'s str,
    /// Without their namespaces.
    aliases: Vec<&'s str>,
    kind: Kind<'s>,
}

#[derive(Debug)]
enum Kind<'s> {
    Record(Vec<Field<'s>>),
    Enum { symbols: Vec<&'s str>, has_default: bool },
    Fixed(u64, Option<Logical<'s>>),
}

#[derive(Debug)]
struct Field<'s> {
    name: &'s str,
    aliases: Vec<&'s str>,
    has_default: bool,
    kind: Type<'s>,
}

/// A logical type with its precision and scale. Readers may ignore it; two that differ are misread without a word.
type Logical<'s> = (&'s str, Option<&'s Value>, Option<&'s Value>);

struct Parsed<'s> {
    root: Type<'s>,
    definitions: HashMap<String, Definition<'s>>,
}

impl<'s> Parsed<'s> {
    fn of(schema: &'s Value) -> Result<Self, SchemaError> {
        let mut parser = Parser { definitions: HashMap::new(), depth: 0 };
        let root = parser.kind("#", schema, "")?;
        let definitions = parser.definitions.into_iter().filter_map(|(name, found)| Some((name, found?))).collect();
        Ok(Self { root, definitions })
    }
}

struct Parser<'s> {
    /// `None` while a definition is read: it may name itself.
    definitions: HashMap<String, Option<Definition<'s>>>,
    depth: usize,
}

fn wrong(path: &str, expected: &'static str, found: &Value) -> SchemaError {
    SchemaError::Shape { path: path.to_owned(), expected, found: excerpt(found) }
}

fn texts<'s>(map: &'s Map<String, Value>, key: &str) -> Vec<&'s str> {
    map.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What stands behind the last dot.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

impl<'s> Parser<'s> {
    fn kind(&mut self, path: &str, schema: &'s Value, namespace: &str) -> Result<Type<'s>, SchemaError> {
        if self.depth == DEEPEST {
            return Err(SchemaError::TooDeep(path.to_owned()));
        }
        self.depth += 1;
        let found = match schema {
            Value::String(name) => self.named(path, name, namespace, schema),
            Value::Array(branches) => {
                let branches = branches.iter().enumerate();
                let read = branches.map(|(place, branch)| self.kind(&format!("{path}/{place}"), branch, namespace));
                read.collect::<Result<_, _>>().map(Type::Union)
            }
            Value::Object(map) => self.object(path, map, schema, namespace),
            other => Err(wrong(path, "an Avro type: a name, a union or an object", other)),
        };
        self.depth -= 1;
        found
    }

    fn named(&self, path: &str, name: &'s str, namespace: &str, at: &Value) -> Result<Type<'s>, SchemaError> {
        if PRIMITIVES.contains(&name) {
            return Ok(Type::Primitive(name, None));
        }
        let within = full_name(name, namespace);
        let known = [within.as_str(), name].into_iter().find(|name| self.definitions.contains_key(*name));
        known.map(|name| Type::Named(name.to_owned())).ok_or_else(|| wrong(path, "a type that is defined before", at))
    }

    fn object(
        &mut self,
        path: &str,
        map: &'s Map<String, Value>,
        at: &'s Value,
        namespace: &str,
    ) -> Result<Type<'s>, SchemaError> {
        let part = |key: &str, expected: &'static str| map.get(key).ok_or_else(|| wrong(path, expected, at));
        let kind = part("type", "an object with a type")?;
        match kind.as_str() {
            Some("array") => {
                let items = self.kind(&format!("{path}/items"), part("items", "an array with items")?, namespace)?;
                Ok(Type::Array(Box::new(items)))
            }
            Some("map") => {
                let values = self.kind(&format!("{path}/values"), part("values", "a map with values")?, namespace)?;
                Ok(Type::Map(Box::new(values)))
            }
            Some("record" | "error" | "enum" | "fixed") => self.definition(path, map, at, namespace),
            Some(name) if PRIMITIVES.contains(&name) => Ok(Type::Primitive(name, logical(map))),
            // Annotations around a type.
            _ => self.kind(path, kind, namespace),
        }
    }

    fn definition(
        &mut self,
        path: &str,
        map: &'s Map<String, Value>,
        at: &'s Value,
        namespace: &str,
    ) -> Result<Type<'s>, SchemaError> {
        let text = |key: &str| map.get(key).and_then(Value::as_str);
        let name = text("name").ok_or_else(|| wrong(path, "a record, enum or fixed with a name", at))?;
        let full = full_name(name, text("namespace").unwrap_or(namespace));
        let namespace = full.rsplit_once('.').map_or("", |(before, _)| before).to_owned();
        if self.definitions.insert(full.clone(), None).is_some() {
            return Err(wrong(path, "a name that is defined once", &Value::from(full)));
        }
        let list = |key: &str, expected: &'static str| {
            map.get(key).and_then(Value::as_array).ok_or_else(|| wrong(path, expected, at))
        };
        let kind = match text("type") {
            Some("enum") => {
                let symbols = list("symbols", "an enum with symbols")?;
                if let Some(default) = map.get("default").filter(|default| !symbols.contains(default)) {
                    return Err(wrong(path, "a default that is one of the symbols", default));
                }
                Kind::Enum { symbols: texts(map, "symbols"), has_default: map.contains_key("default") }
            }
            Some("fixed") => {
                let size = map.get("size").and_then(Value::as_u64);
                Kind::Fixed(size.ok_or_else(|| wrong(path, "a fixed with a size", at))?, logical(map))
            }
            _ => {
                let mut fields = Vec::new();
                for field in list("fields", "a record with fields")? {
                    let said = field.as_object().ok_or_else(|| wrong(path, "a field: an object", field))?;
                    let name = said.get("name").and_then(Value::as_str);
                    let name = name.ok_or_else(|| wrong(path, "a field with a name", field))?;
                    let at = format!("{path}/fields/{name}");
                    let kind = said.get("type").ok_or_else(|| wrong(&at, "a field with a type", field))?;
                    let kind = self.kind(&at, kind, &namespace)?;
                    let default = said.get("default");
                    if let Some(default) = default.filter(|default| !self.fits(&kind, default)) {
                        return Err(wrong(&at, "a default of the field's type", default));
                    }
                    let has_default = default.is_some();
                    fields.push(Field { name, aliases: texts(said, "aliases"), has_default, kind });
                }
                Kind::Record(fields)
            }
        };
        let aliases = texts(map, "aliases").into_iter().map(last).collect();
        self.definitions.insert(full.clone(), Some(Definition { name: last(name), aliases, kind }));
        Ok(Type::Named(full))
    }
}

impl Parser<'_> {
    /// Whether a default is of a type, as far as JSON tells; of a union, of any branch (since 1.12).
    fn fits(&self, kind: &Type<'_>, default: &Value) -> bool {
        match kind {
            Type::Primitive("null", _) => default.is_null(),
            Type::Primitive("boolean", _) => default.is_boolean(),
            Type::Primitive("int" | "long", _) => default.is_i64(),
            Type::Primitive("float" | "double", _) => default.is_number() || default.is_string(),
            Type::Primitive(..) => default.is_string(),
            Type::Array(_) => default.is_array(),
            Type::Map(_) => default.is_object(),
            Type::Union(branches) => branches.iter().any(|branch| self.fits(branch, default)),
            Type::Named(name) => match self.definitions.get(name) {
                Some(Some(Definition { kind: Kind::Record(_), .. })) => default.is_object(),
                Some(Some(_)) => default.is_string(),
                _ => true,
            },
        }
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

fn logical(map: &Map<String, Value>) -> Option<Logical<'_>> {
    Some((map.get("logicalType")?.as_str()?, map.get("precision"), map.get("scale")))
}

struct Resolution<'p, 's> {
    writer: &'p Parsed<'s>,
    reader: &'p Parsed<'s>,
    /// What was found of two names; while they are being compared, they are taken to fit (recursive types).
    found: HashMap<(String, String), bool>,
    /// Those that fit, in the order in which that was found.
    fitting: Vec<(String, String)>,
    depth: usize,
    problems: Vec<(String, String)>,
}

impl Resolution<'_, '_> {
    fn put(&mut self, path: &str, what: String) {
        self.problems.push((path.to_owned(), what));
    }

    /// Whether it is read, without saying why not.
    fn is_read(&mut self, path: &str, writer: &Type<'_>, reader: &Type<'_>) -> Result<bool, SchemaError> {
        let before = self.problems.len();
        self.types(path, writer, reader)?;
        let is_read = self.problems.len() == before;
        self.problems.truncate(before);
        Ok(is_read)
    }

    fn types(&mut self, path: &str, writer: &Type<'_>, reader: &Type<'_>) -> Result<(), SchemaError> {
        if self.depth == DEEPEST {
            return Err(SchemaError::TooDeep(path.to_owned()));
        }
        self.depth += 1;
        match (writer, reader) {
            (Type::Union(branches), _) => {
                for branch in branches {
                    if !self.is_read(path, branch, reader)? {
                        self.put(path, format!("{} may come", self.words(branch, true)));
                    }
                }
            }
            (_, Type::Union(branches)) => {
                let mut is_read = false;
                for branch in branches {
                    is_read = is_read || self.is_read(path, writer, branch)?;
                }
                if !is_read {
                    self.put(path, format!("{} may come", self.words(writer, true)));
                }
            }
            (Type::Array(written), Type::Array(read)) => self.types(&format!("{path}/items"), written, read)?,
            (Type::Map(written), Type::Map(read)) => self.types(&format!("{path}/values"), written, read)?,
            (Type::Named(written), Type::Named(read)) => self.named(path, written, read)?,
            (Type::Primitive(written, places), Type::Primitive(read, other_places))
                if is_promoted(written, read)
                    && (places == other_places || places.is_none() || other_places.is_none()) => {}
            _ => self.put(path, format!("{} -> {}", self.words(writer, true), self.words(reader, false))),
        }
        self.depth -= 1;
        Ok(())
    }

    fn named(&mut self, path: &str, written: &str, read: &str) -> Result<(), SchemaError> {
        let names = (written.to_owned(), read.to_owned());
        match self.found.get(&names) {
            Some(true) => return Ok(()),
            Some(false) => {
                self.put(path, format!("{} is not read as it is written", last(written)));
                return Ok(());
            }
            None => {}
        }
        let (problems, fitting) = (self.problems.len(), self.fitting.len());
        self.found.insert(names.clone(), true);
        self.definitions(path, written, read)?;
        if self.problems.len() == problems {
            self.fitting.push(names);
        } else {
            self.found.insert(names, false);
            // They may have been found to fit only because these two were taken to.
            for names in self.fitting.drain(fitting..) {
                self.found.remove(&names);
            }
        }
        Ok(())
    }

    fn definitions(&mut self, path: &str, written: &str, read: &str) -> Result<(), SchemaError> {
        let (writer, reader) = (&self.writer.definitions[written], &self.reader.definitions[read]);
        if writer.name != reader.name && !reader.aliases.contains(&writer.name) {
            self.put(path, format!("{} -> {}", writer.name, reader.name));
            return Ok(());
        }
        match (&writer.kind, &reader.kind) {
            (Kind::Fixed(size, places), Kind::Fixed(other, other_places))
                if size == other && places == other_places => {}
            (Kind::Enum { symbols, .. }, Kind::Enum { symbols: known, has_default }) => {
                let strange: Vec<&str> = symbols.iter().copied().filter(|symbol| !known.contains(symbol)).collect();
                if !strange.is_empty() && !has_default {
                    self.put(path, format!("symbols that are not known: {}", strange.join(", ")));
                }
            }
            (Kind::Record(written), Kind::Record(read)) => {
                for field in read {
                    let at = format!("{path}/fields/{}", field.name);
                    let by_name = written.iter().find(|one| one.name == field.name);
                    let found = by_name.or_else(|| written.iter().find(|one| field.aliases.contains(&one.name)));
                    match found {
                        Some(written) => self.types(&at, &written.kind, &field.kind)?,
                        None if field.has_default => {}
                        None => self.put(&at, "it is expected, is not written, and has no default".to_owned()),
                    }
                }
            }
            _ => self.put(path, format!("{} is another type", writer.name)),
        }
        Ok(())
    }

    fn words(&self, kind: &Type<'_>, is_writer: bool) -> String {
        match kind {
            Type::Primitive(name, None) => (*name).to_owned(),
            Type::Primitive(name, Some((logical, ..))) => format!("{logical} in {name}"),
            Type::Array(_) => "array".to_owned(),
            Type::Map(_) => "map".to_owned(),
            Type::Union(_) => "a union".to_owned(),
            Type::Named(name) => {
                let parsed = if is_writer { self.writer } else { self.reader };
                parsed.definitions[name].name.to_owned()
            }
        }
    }
}

fn is_promoted(written: &str, read: &str) -> bool {
    written == read
        || matches!(
            (written, read),
            ("int", "long" | "float" | "double")
                | ("long", "float" | "double")
                | ("float", "double")
                | ("string", "bytes")
                | ("bytes", "string")
        )
}
