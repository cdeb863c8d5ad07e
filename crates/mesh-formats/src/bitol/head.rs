//! The fields at the top of a document that both standards have.

use mesh_model::{Descriptor, DomainName, Link, Name, ProductStatus, SupportChannel, Version};

use crate::names::map_name;
use crate::parsed::Context;
use crate::people::Person;
use crate::problem::Problem;
use crate::yaml::{Node, Value};

/// The declared `apiVersion` as a number and as text; an error lists the known ones.
pub(crate) fn declared_version<'n>(
    root: &'n Node,
    known: &[(&str, u16)],
    problems: &mut Vec<Problem>,
) -> Option<(u16, &'n str)> {
    let expected = || {
        let known: Vec<_> = known.iter().map(|(text, _)| *text).collect();
        format!("one of {}", known.join(", "))
    };
    let Some(node) = root.get("apiVersion") else {
        problems.push(Problem::error(root.place(), "apiVersion", expected(), "no such field"));
        return None;
    };
    let found = known.iter().find(|(text, _)| node.as_str() == Some(text));
    let Some((_, number)) = found else {
        problems.push(Problem::error(node.place(), "apiVersion", expected(), node.describe()));
        return None;
    };
    node.take();
    Some((*number, node.as_str()?))
}

/// The domain that the file names, else the one of the command line.
pub(crate) fn domain(root: &Node, ctx: &Context<'_>, problems: &mut Vec<Problem>) -> Option<DomainName> {
    match root.text("domain").filter(|text| !text.trim().is_empty()) {
        Some(text) => {
            let mapped = map_name(text);
            root.take_same("domain", mapped.as_str());
            Some(mapped.into())
        }
        None if ctx.domain.is_some() => ctx.domain.cloned(),
        None => {
            let expected = "the owning domain, here or as --domain NAME";
            problems.push(Problem::error(root.place(), "domain", expected, "no such field"));
            None
        }
    }
}

/// Name and title of a foreign name: the title is empty where the name says it all.
pub(crate) fn identity(foreign: &str) -> (Name, String) {
    let name = map_name(foreign);
    let title = if name.as_str() == foreign { String::new() } else { foreign.to_owned() };
    (name, title)
}

/// The product's version; `false` when the file names none.
///
/// `v1.0.0` is 1.0.0 and `1.1` is 1.1.0, with a warning: what the file writes stays in the extensions.
pub(crate) fn version(root: &Node, problems: &mut Vec<Problem>) -> (Version, bool) {
    const EXPECTED: &str = "a version such as 1.4.0";
    let Some((node, text)) = root.get("version").and_then(|node| Some((node, node.as_text()?))) else {
        return (Version::FIRST, false);
    };
    if let Ok(version) = Version::parse(text) {
        node.take();
        return (version, true);
    }
    let version = lenient(text);
    problems.push(match version {
        Some(read) => Problem::warning(node.place(), "version", EXPECTED, format!("'{text}', read as {read}")),
        None => Problem::error(node.place(), "version", EXPECTED, node.describe()),
    });
    (version.unwrap_or(Version::FIRST), true)
}

fn lenient(text: &str) -> Option<Version> {
    let text = text.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let plain = text.split(['-', '+', ' ']).next()?;
    let mut parts = plain.split('.').map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if digits { part.parse::<u32>().ok() } else { None }
    });
    let major = parts.next()??;
    let minor = parts.next().unwrap_or(Some(0))?;
    let patch = parts.next().unwrap_or(Some(0))?;
    parts.next().is_none().then_some(Version::new(major, minor, patch))
}

/// Draft or active; what comes later in a product's life is the ledger's to say.
pub(crate) fn status(root: &Node, problems: &mut Vec<Problem>) -> ProductStatus {
    let Some((node, text)) = root.get("status").and_then(|node| Some((node, node.as_str()?))) else {
        return ProductStatus::Active;
    };
    match text {
        "draft" => {
            node.take();
            ProductStatus::Draft
        }
        "active" => {
            node.take();
            ProductStatus::Active
        }
        "proposed" | "development" | "in development" | "planned" => ProductStatus::Draft,
        other => {
            let found = format!("'{other}', read as active; deprecating and retiring are commands of their own");
            problems.push(Problem::warning(node.place(), "status", "draft or active", found));
            ProductStatus::Active
        }
    }
}

/// The purpose; limitations and usage have no field and stay in the extensions.
pub(crate) fn description(root: &Node) -> String {
    root.get("description").and_then(|node| node.take_text("purpose")).unwrap_or_default().to_owned()
}

/// Free words.
pub(crate) fn tags(root: &Node) -> Vec<String> {
    root.take_texts("tags")
}

/// Where authoritative definitions lie.
pub(crate) fn links(root: &Node) -> Vec<Link> {
    let link = |node: &Node| {
        let kind = node.text("type").unwrap_or_default();
        let title = node.text("description").map_or_else(|| kind.to_owned(), |text| format!("{kind}: {text}"));
        Some(Link { title, url: node.text("url")?.to_owned() })
    };
    root.list("authoritativeDefinitions").iter().filter_map(link).collect()
}

/// Where to ask.
pub(crate) fn support(root: &Node) -> Vec<SupportChannel> {
    let channel = |node: &Node| {
        let name = node.text("channel").unwrap_or_default();
        let url = node.text("url").unwrap_or(name);
        let address = url.strip_prefix("mailto:").unwrap_or(url);
        let kind = match node.text("tool") {
            Some(tool) => tool,
            None if url.starts_with("mailto:") => "email",
            None if url.contains("://") => "url",
            None => "chat",
        };
        let description = match node.text("description") {
            Some(text) if name.is_empty() => text.to_owned(),
            Some(text) => format!("{name}: {text}"),
            None => name.to_owned(),
        };
        SupportChannel { channel: kind.into(), address: address.into(), description, response_time: None }
    };
    root.list("support").iter().map(channel).collect()
}

/// The team's name; the domain's where the file names no team.
pub(crate) fn team(root: &Node, descriptor: &Descriptor) -> String {
    let named = root.get("team").and_then(|team| team.take_text("name")).filter(|name| !name.trim().is_empty());
    named.map_or_else(|| descriptor.domain.to_string(), ToOwned::to_owned)
}

/// Who stands in a person's place: members of the team, and those who approve access to a role.
pub(crate) fn people(root: &Node) -> Vec<Person> {
    let mut people = Vec::new();
    let team = root.get("team");
    // Before ODCS 3.1 the team was the list of its members.
    let members = team.and_then(|team| match team.value {
        Value::Seq(_) => Some(team),
        _ => team.get("members"),
    });
    if let Some(members) = members {
        people.extend(members.items().iter().map(member));
        members.keep_private();
    }
    let server_roles = root.list("servers").iter().flat_map(|server| server.list("roles"));
    for role in root.list("roles").iter().chain(server_roles) {
        for key in ["firstLevelApprovers", "secondLevelApprovers"] {
            let Some(approver) = role.get(key) else {
                continue;
            };
            if let Some(name) = approver.as_text().filter(|name| !name.trim().is_empty()) {
                let mut person = Person { name: name.to_owned(), role: Some("approver".into()), ..Person::default() };
                person.details.insert("approves".into(), role.text("role").unwrap_or_default().into());
                person.details.insert("as".into(), key.into());
                people.push(person);
            }
            approver.keep_private();
        }
    }
    people
}

fn member(node: &Node) -> Person {
    let username = node.text("username").unwrap_or_default();
    let name = node.text("name").unwrap_or(username).to_owned();
    let email = username.contains('@').then(|| username.to_owned());
    let said = |key: &str| match key {
        "role" => node.text("role").is_some(),
        "name" => node.text("name").is_some(),
        "username" => email.is_some() || node.text("name").is_none(),
        _ => false,
    };
    let details = node
        .entries()
        .iter()
        .filter(|entry| !said(&entry.key))
        .map(|entry| (entry.key.clone(), entry.node.to_json()))
        .collect();
    Person { name, email, role: node.text("role").map(ToOwned::to_owned), details }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_people_write_them() {
        for (text, version) in [
            ("v1.0.0", Some((1, 0, 0))),
            ("1.1", Some((1, 1, 0))),
            ("V2", Some((2, 0, 0))),
            ("1.2.3-rc.1", Some((1, 2, 3))),
            ("1.2.3+build", Some((1, 2, 3))),
            ("01.2.3", Some((1, 2, 3))),
            ("1.2.3.4", None),
            ("latest", None),
            ("1.", None),
            ("", None),
            ("4294967296", None),
        ] {
            assert_eq!(lenient(text), version.map(|(a, b, c)| Version::new(a, b, c)), "{text}");
        }
    }
}
