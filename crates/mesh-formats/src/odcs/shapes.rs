//! What an ODCS document looks like, as the standard's schemas for 3.1.0 (which covers 3.0.x) and 3.2.0 say.

use super::columns::SCHEMA_OBJECT;
use super::servers;
use crate::yaml::{FieldRule, Object, Shape, optional, required, since};

/// Texts.
pub(super) const TEXTS: Shape = Shape::List(&Shape::Text);
/// Authoritative definitions.
pub(super) const DEFINITIONS: Shape = Shape::List(&Shape::Map(&DEFINITION));
/// Custom properties.
pub(super) const PROPERTIES: Shape = Shape::List(&Shape::Map(&PROPERTY));
/// A stable id.
pub(super) const ID: Shape = Shape::Pattern(stable_id);

fn stable_id(text: &str, version: u16) -> Option<&'static str> {
    let narrow = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let wide = |c: char| !c.is_whitespace() && !".#/\\@!%&^".contains(c);
    if version < 320 {
        (text.is_empty() || !text.chars().all(narrow)).then_some("an id of letters, digits, '_' and '-'")
    } else {
        (text.is_empty() || !text.chars().all(wide)).then_some("an id without spaces and without . # / \\ @ ! % & ^")
    }
}

/// The document.
pub(crate) static CONTRACT: Object = Object {
    fields: &[
        required("apiVersion", Shape::Text),
        required("kind", Shape::Word(&[("DataContract", 0)])),
        required("id", Shape::Text),
        required("version", Shape::Text),
        FieldRule { name: "status", shape: Shape::Text, since: 0, required_below: 320 },
        optional("name", Shape::Text),
        optional("tenant", Shape::Text),
        optional("tags", TEXTS),
        optional("servers", Shape::List(&Shape::Map(&SERVER))),
        optional("dataProduct", Shape::Text),
        optional("description", Shape::Map(&DESCRIPTION)),
        optional("domain", Shape::Text),
        optional("schema", Shape::List(&Shape::Map(&SCHEMA_OBJECT))),
        optional("support", Shape::List(&Shape::Map(&SUPPORT))),
        optional("price", Shape::Map(&PRICE)),
        optional("team", Shape::OrMap(&Shape::List(&Shape::Map(&MEMBER)), &TEAM)),
        optional("roles", Shape::List(&Shape::Map(&ROLE))),
        optional("slaDefaultElement", Shape::Text),
        optional("slaProperties", Shape::List(&Shape::Map(&SLA_PROPERTY))),
        optional("authoritativeDefinitions", DEFINITIONS),
        optional("customProperties", PROPERTIES),
        optional("contractCreatedTs", Shape::Moment),
        since(320, "context", Shape::OrMap(&Shape::Text, &CONTEXT)),
    ],
    more: None,
};

static DESCRIPTION: Object = Object {
    fields: &[
        optional("purpose", Shape::Text),
        optional("limitations", Shape::Text),
        optional("usage", Shape::Text),
        optional("authoritativeDefinitions", DEFINITIONS),
        optional("customProperties", PROPERTIES),
    ],
    more: None,
};

static PROPERTY: Object = Object {
    fields: &[
        optional("id", ID),
        required("property", Shape::Text),
        required("value", Shape::Any),
        optional("description", Shape::Text),
        since(320, "vendor", Shape::Text),
    ],
    more: None,
};

static DEFINITION: Object = Object {
    fields: &[
        optional("id", ID),
        required("url", Shape::Text),
        required("type", Shape::Text),
        optional("description", Shape::Text),
    ],
    more: None,
};

/// A server, with the fields of all types; [`servers`] knows which type has which.
pub(super) static SERVER: Object = Object {
    fields: &[
        optional("id", ID),
        required("server", Shape::Text),
        required("type", Shape::Text),
        optional("description", Shape::Text),
        optional("environment", Shape::Text),
        optional("roles", Shape::List(&Shape::Map(&ROLE))),
        optional("customProperties", PROPERTIES),
        optional("account", Shape::Text),
        optional("catalog", Shape::Text),
        optional("catalogUrl", Shape::Text),
        optional("database", Shape::Text),
        optional("dataset", Shape::Text),
        optional("delimiter", Shape::Text),
        optional("encoding", Shape::Text),
        optional("endpointUrl", Shape::Text),
        optional("format", Shape::Text),
        optional("host", Shape::Text),
        optional("location", Shape::Text),
        optional("namespace", Shape::Text),
        optional("path", Shape::Text),
        optional("port", Shape::Port(320)),
        optional("project", Shape::Text),
        optional("region", Shape::Text),
        optional("regionName", Shape::Text),
        optional("schema", Shape::Text),
        optional("serviceName", Shape::Text),
        optional("stagingDir", Shape::Text),
        optional("stream", Shape::Text),
        optional("warehouse", Shape::Text),
        optional("workgroup", Shape::Text),
    ],
    more: Some(servers::check),
};

/// Another word for a thing.
pub(super) static SYNONYM: Object = Object {
    fields: &[
        optional("id", ID),
        required("synonym", Shape::Text),
        optional("description", Shape::Text),
        optional("locale", Shape::Text),
        optional("source", Shape::Text),
        optional("status", Shape::Text),
        optional("customProperties", PROPERTIES),
    ],
    more: None,
};

static SUPPORT: Object = Object {
    fields: &[
        optional("id", ID),
        required("channel", Shape::Text),
        optional("url", Shape::Text),
        optional("description", Shape::Text),
        optional("tool", Shape::Text),
        optional("scope", Shape::Text),
        optional("invitationUrl", Shape::Text),
        optional("customProperties", PROPERTIES),
    ],
    more: None,
};

static PRICE: Object = Object {
    fields: &[
        optional("id", ID),
        optional("priceAmount", Shape::Number),
        optional("priceCurrency", Shape::Text),
        optional("priceUnit", Shape::Text),
    ],
    more: None,
};

static TEAM: Object = Object {
    fields: &[
        optional("id", ID),
        optional("name", Shape::Text),
        optional("description", Shape::Text),
        optional("members", Shape::List(&Shape::Map(&MEMBER))),
        optional("tags", TEXTS),
        optional("customProperties", PROPERTIES),
        optional("authoritativeDefinitions", DEFINITIONS),
    ],
    more: None,
};

static MEMBER: Object = Object {
    fields: &[
        optional("id", ID),
        required("username", Shape::Text),
        optional("name", Shape::Text),
        optional("description", Shape::Text),
        optional("role", Shape::Text),
        optional("dateIn", Shape::Date),
        optional("dateOut", Shape::Date),
        optional("replacedByUsername", Shape::Text),
        optional("tags", TEXTS),
        optional("customProperties", PROPERTIES),
        optional("authoritativeDefinitions", DEFINITIONS),
    ],
    more: None,
};

static ROLE: Object = Object {
    fields: &[
        optional("id", ID),
        required("role", Shape::Text),
        optional("description", Shape::Text),
        optional("access", Shape::Text),
        optional("firstLevelApprovers", Shape::Text),
        optional("secondLevelApprovers", Shape::Text),
        optional("customProperties", PROPERTIES),
    ],
    more: None,
};

static SLA_PROPERTY: Object = Object {
    fields: &[
        optional("id", ID),
        required("property", Shape::Text),
        required("value", Shape::Scalar),
        optional("valueExt", Shape::Scalar),
        optional("unit", Shape::Text),
        optional("element", Shape::Text),
        optional("driver", Shape::Text),
        optional("description", Shape::Text),
        optional("scheduler", Shape::Text),
        optional("schedule", Shape::Text),
        since(320, "customProperties", PROPERTIES),
        since(320, "authoritativeDefinitions", DEFINITIONS),
    ],
    more: None,
};

/// What machines that read the data should know.
pub(super) static CONTEXT: Object = Object {
    fields: &[
        optional("instructions", Shape::Text),
        optional("verifiedStatements", Shape::List(&Shape::Map(&STATEMENT))),
        optional("constraints", Shape::List(&Shape::Map(&CONSTRAINT))),
    ],
    more: None,
};

static STATEMENT: Object = Object {
    fields: &[
        optional("id", Shape::Text),
        required("question", Shape::Text),
        optional("answer", Shape::Text),
        optional("authoritativeDefinitions", DEFINITIONS),
        optional("tags", TEXTS),
        optional("customProperties", PROPERTIES),
    ],
    more: None,
};

static CONSTRAINT: Object = Object {
    fields: &[
        optional("id", Shape::Text),
        required("constraint", Shape::Text),
        optional("authoritativeDefinitions", DEFINITIONS),
        optional("tags", TEXTS),
        optional("customProperties", PROPERTIES),
    ],
    more: None,
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_tables_say_what_the_schemas_say() {
        // Servers, checks and logical types differ by conditions, which have functions instead of a table; `items`,
        // `properties` and `map` of a column are there by condition, too.
        let conditional = ["servers", "quality", "logicalTypeOptions", "items", "properties", "map", "relationships"];
        for (version, file) in [(310, "odcs-3.1.0"), (320, "odcs-3.2.0")] {
            crate::bitol::compare_with_schema(&super::CONTRACT, version, file, &conditional);
        }
    }
}
