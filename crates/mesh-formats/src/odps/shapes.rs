//! What an ODPS document looks like, as the standard's schemas for 1.0.0 (which covers 0.9.0) and 1.1.0 say.

use crate::yaml::{FieldRule, Object, Shape, optional, required, since};

const fn required_before_1_1(name: &'static str, shape: Shape) -> FieldRule {
    FieldRule { name, shape, since: 0, required_below: 110 }
}

const TEXTS: Shape = Shape::List(&Shape::Text);
const DEFINITIONS: Shape = Shape::List(&Shape::Map(&DEFINITION));
const PROPERTIES: Shape = Shape::List(&Shape::Map(&PROPERTY));
const SYNONYMS: Shape = Shape::List(&Shape::Map(&SYNONYM));

/// The document.
pub(crate) static PRODUCT: Object = Object {
    fields: &[
        required("apiVersion", Shape::Text),
        required("kind", Shape::Word(&[("DataProduct", 0)])),
        required("id", Shape::Text),
        required_before_1_1("status", Shape::Text),
        optional("name", Shape::Text),
        optional("version", Shape::Text),
        optional("domain", Shape::Text),
        optional("tenant", Shape::Text),
        since(110, "deprecated", Shape::Flag),
        since(110, "synonyms", SYNONYMS),
        since(110, "type", Shape::Text),
        since(110, "context", Shape::Map(&CONTEXT)),
        optional("authoritativeDefinitions", DEFINITIONS),
        optional("description", Shape::Map(&DESCRIPTION)),
        optional("customProperties", PROPERTIES),
        optional("tags", TEXTS),
        optional("inputPorts", Shape::List(&Shape::Map(&INPUT_PORT))),
        optional("outputPorts", Shape::List(&Shape::Map(&OUTPUT_PORT))),
        optional("managementPorts", Shape::List(&Shape::Map(&MANAGEMENT_PORT))),
        optional("support", Shape::List(&Shape::Map(&SUPPORT))),
        optional("team", Shape::Map(&TEAM)),
        optional("productCreatedTs", Shape::Moment),
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
        since(110, "id", Shape::Text),
        required("property", Shape::Text),
        required("value", Shape::Any),
        optional("description", Shape::Text),
        since(110, "vendor", Shape::Text),
    ],
    more: None,
};

static DEFINITION: Object = Object {
    fields: &[
        since(110, "id", Shape::Text),
        required("type", Shape::Text),
        required("url", Shape::Text),
        optional("description", Shape::Text),
    ],
    more: None,
};

static SYNONYM: Object = Object {
    fields: &[
        optional("id", Shape::Text),
        required("synonym", Shape::Text),
        optional("description", Shape::Text),
        optional("locale", Shape::Text),
        optional("source", Shape::Text),
        optional("status", Shape::Text),
        optional("customProperties", PROPERTIES),
    ],
    more: None,
};

static INPUT_PORT: Object = Object {
    fields: &[
        since(110, "deprecated", Shape::Flag),
        since(110, "id", Shape::Text),
        required("name", Shape::Text),
        required_before_1_1("version", Shape::Text),
        required_before_1_1("contractId", Shape::Text),
        optional("tags", TEXTS),
        optional("customProperties", PROPERTIES),
        optional("authoritativeDefinitions", DEFINITIONS),
    ],
    more: None,
};

static OUTPUT_PORT: Object = Object {
    fields: &[
        since(110, "deprecated", Shape::Flag),
        since(110, "id", Shape::Text),
        required("name", Shape::Text),
        optional("description", Shape::Text),
        optional("type", Shape::Text),
        required_before_1_1("version", Shape::Text),
        optional("contractId", Shape::Text),
        optional("sbom", Shape::List(&Shape::Map(&SBOM))),
        optional("inputContracts", Shape::List(&Shape::Map(&INPUT_CONTRACT))),
        since(110, "synonyms", SYNONYMS),
        optional("tags", TEXTS),
        optional("customProperties", PROPERTIES),
        optional("authoritativeDefinitions", DEFINITIONS),
        since(110, "context", Shape::Map(&CONTEXT)),
    ],
    more: None,
};

static SBOM: Object = Object {
    fields: &[
        since(110, "id", Shape::Text),
        optional("type", Shape::Text),
        required_before_1_1("url", Shape::Text),
        since(110, "tags", TEXTS),
        since(110, "customProperties", PROPERTIES),
        since(110, "authoritativeDefinitions", DEFINITIONS),
    ],
    more: None,
};

static INPUT_CONTRACT: Object =
    Object { fields: &[required("id", Shape::Text), required("version", Shape::Text)], more: None };

static MANAGEMENT_PORT: Object = Object {
    fields: &[
        since(110, "deprecated", Shape::Flag),
        since(110, "id", Shape::Text),
        required("name", Shape::Text),
        required("content", Shape::Text),
        optional("type", Shape::Text),
        optional("url", Shape::Text),
        optional("channel", Shape::Text),
        optional("description", Shape::Text),
        optional("tags", TEXTS),
        optional("customProperties", PROPERTIES),
        optional("authoritativeDefinitions", DEFINITIONS),
    ],
    more: None,
};

static SUPPORT: Object = Object {
    fields: &[
        since(110, "id", Shape::Text),
        required("channel", Shape::Text),
        required("url", Shape::Text),
        optional("description", Shape::Text),
        optional("tool", Shape::Text),
        optional("scope", Shape::Text),
        optional("invitationUrl", Shape::Text),
        optional("tags", TEXTS),
        optional("customProperties", PROPERTIES),
        optional("authoritativeDefinitions", DEFINITIONS),
    ],
    more: None,
};

static TEAM: Object = Object {
    fields: &[
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
        since(110, "id", Shape::Text),
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

static CONTEXT: Object = Object {
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
        for (version, file) in [(100, "odps-1.0.0"), (110, "odps-1.1.0")] {
            crate::bitol::compare_with_schema(&super::PRODUCT, version, file, &[]);
        }
    }
}
