//! What an ODCS document looks like, as the standard's schemas for 3.1.0 (which covers 3.0.x) and 3.2.0 say.

use super::{quality, servers};
use crate::problem::Problem;
use crate::yaml::{Check, FieldRule, Node, Object, Shape, optional, path_of, required, since};

const TEXTS: Shape = Shape::List(&Shape::Text);
const DEFINITIONS: Shape = Shape::List(&Shape::Map(&DEFINITION));
const PROPERTIES: Shape = Shape::List(&Shape::Map(&PROPERTY));
const QUALITY_CHECKS: Shape = Shape::List(&Shape::Map(&QUALITY));
const RELATIONSHIPS: Shape = Shape::List(&Shape::Map(&RELATIONSHIP));
const ID: Shape = Shape::Pattern(stable_id);

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

static SCHEMA_OBJECT: Object = Object {
    fields: &[
        optional("id", ID),
        required("name", Shape::Text),
        optional("physicalType", Shape::Text),
        optional("description", Shape::Text),
        optional("businessName", Shape::Text),
        optional("authoritativeDefinitions", DEFINITIONS),
        optional("tags", TEXTS),
        optional("customProperties", PROPERTIES),
        since(320, "deprecated", Shape::Flag),
        since(320, "synonyms", Shape::List(&Shape::Map(&SYNONYM))),
        optional("logicalType", Shape::Word(&[("object", 0), ("blob", 0)])),
        optional("physicalName", Shape::Text),
        optional("dataGranularityDescription", Shape::Text),
        optional("properties", Shape::List(&Shape::Map(&SCHEMA_PROPERTY))),
        optional("relationships", Shape::List(&Shape::Map(&TABLE_RELATIONSHIP))),
        optional("quality", QUALITY_CHECKS),
        since(320, "context", Shape::OrMap(&Shape::Text, &CONTEXT)),
    ],
    more: None,
};

macro_rules! schema_property {
    ($name:ident, $name_field:expr, $doc:literal) => {
        #[doc = $doc]
        static $name: Object = Object {
            fields: &[
                optional("id", ID),
                $name_field,
                optional("physicalType", Shape::Text),
                optional("description", Shape::Text),
                optional("businessName", Shape::Text),
                optional("authoritativeDefinitions", DEFINITIONS),
                optional("tags", TEXTS),
                optional("customProperties", PROPERTIES),
                since(320, "deprecated", Shape::Flag),
                since(320, "synonyms", Shape::List(&Shape::Map(&SYNONYM))),
                optional("primaryKey", Shape::Flag),
                optional("primaryKeyPosition", Shape::Integer),
                optional("logicalType", Shape::Word(LOGICAL_TYPES)),
                since(320, "semanticType", Shape::Word(&[("column", 320), ("measure", 320), ("dimension", 320)])),
                optional("logicalTypeOptions", Shape::Open),
                optional("physicalName", Shape::Text),
                optional("required", Shape::Flag),
                optional("unique", Shape::Flag),
                optional("partitioned", Shape::Flag),
                optional("partitionKeyPosition", Shape::Integer),
                optional("classification", Shape::Text),
                optional("encryptedName", Shape::Text),
                optional("transformSourceObjects", TEXTS),
                optional("transformLogic", Shape::Text),
                optional("transformDescription", Shape::Text),
                optional("examples", Shape::List(&Shape::Any)),
                since(320, "enum", Shape::List(&Shape::Map(&ENUM_VALUE))),
                optional("criticalDataElement", Shape::Flag),
                optional("relationships", RELATIONSHIPS),
                optional("quality", QUALITY_CHECKS),
                optional("properties", Shape::List(&Shape::Map(&SCHEMA_PROPERTY))),
                optional("items", Shape::Map(&SCHEMA_ITEM)),
                since(320, "map", Shape::Map(&MAP)),
            ],
            more: Some(options),
        };
    };
}
schema_property!(SCHEMA_PROPERTY, required("name", Shape::Text), "A column.");
schema_property!(SCHEMA_ITEM, optional("name", Shape::Text), "What the items of a list look like.");

static MAP: Object = Object {
    fields: &[required("key", Shape::Map(&SCHEMA_ITEM)), required("value", Shape::Map(&SCHEMA_ITEM))],
    more: None,
};

/// The logical types.
pub(super) const LOGICAL_TYPES: &[(&str, u16)] = &[
    ("string", 0),
    ("date", 0),
    ("timestamp", 0),
    ("time", 0),
    ("number", 0),
    ("integer", 0),
    ("object", 0),
    ("array", 0),
    ("boolean", 0),
    ("map", 320),
    ("vector", 320),
];

/// Which options a logical type has.
fn options(check: &mut Check<'_>, node: &Node, path: &str) {
    const TEXT: Shape = Shape::Text;
    const WHOLE: Shape = Shape::Integer;
    static STRING: Object = Object {
        fields: &[
            optional("minLength", WHOLE),
            optional("maxLength", WHOLE),
            optional("pattern", TEXT),
            optional("format", TEXT),
        ],
        more: None,
    };
    static DATE: Object = Object {
        fields: &[
            optional("format", TEXT),
            optional("exclusiveMaximum", TEXT),
            optional("maximum", TEXT),
            optional("exclusiveMinimum", TEXT),
            optional("minimum", TEXT),
        ],
        more: None,
    };
    static TIME: Object = Object {
        fields: &[
            optional("format", TEXT),
            optional("exclusiveMaximum", TEXT),
            optional("maximum", TEXT),
            optional("exclusiveMinimum", TEXT),
            optional("minimum", TEXT),
            optional("timezone", Shape::Flag),
            optional("defaultTimezone", TEXT),
        ],
        more: None,
    };
    static NUMBER: Object = Object {
        fields: &[
            optional("multipleOf", Shape::Number),
            optional("maximum", Shape::Number),
            optional("exclusiveMaximum", Shape::Number),
            optional("minimum", Shape::Number),
            optional("exclusiveMinimum", Shape::Number),
            optional("format", TEXT),
        ],
        more: None,
    };
    static OBJECT: Object = Object {
        fields: &[optional("maxProperties", WHOLE), optional("minProperties", WHOLE), optional("required", TEXTS)],
        more: None,
    };
    static ARRAY: Object = Object {
        fields: &[optional("maxItems", WHOLE), optional("minItems", WHOLE), optional("uniqueItems", Shape::Flag)],
        more: None,
    };
    static VECTOR: Object = Object {
        fields: &[
            required("dimensions", WHOLE),
            optional("elementType", TEXT),
            optional("distanceMetric", TEXT),
            optional("embeddingModel", TEXT),
            optional("embeddingModelVersion", TEXT),
            optional("normalized", Shape::Flag),
        ],
        more: None,
    };
    let logical_type = node.text("logicalType").unwrap_or_default();
    let options = node.get("logicalTypeOptions");
    let object = match logical_type {
        "string" => &STRING,
        "date" => &DATE,
        "timestamp" | "time" => &TIME,
        "integer" | "number" => &NUMBER,
        "object" => &OBJECT,
        "array" => &ARRAY,
        "vector" => &VECTOR,
        _ => return map_has_sides(check, node, path, logical_type),
    };
    match options {
        Some(options) => check.object(options, object, &path_of(path, "logicalTypeOptions")),
        None if logical_type == "vector" => {
            check.missing(node, path, "logicalTypeOptions", "the number of dimensions of a vector");
        }
        None => {}
    }
}

fn map_has_sides(check: &mut Check<'_>, node: &Node, path: &str, logical_type: &str) {
    if logical_type == "map" && node.get("map").is_none() {
        check.missing(node, path, "map", "key and value of a map");
    }
}

static ENUM_VALUE: Object = Object {
    fields: &[
        required("value", Shape::Scalar),
        optional("label", Shape::Text),
        optional("id", ID),
        optional("description", Shape::Text),
        optional("customProperties", PROPERTIES),
        optional("authoritativeDefinitions", DEFINITIONS),
        optional("tags", TEXTS),
    ],
    more: None,
};

static SYNONYM: Object = Object {
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

static RELATIONSHIP: Object = Object {
    fields: &[
        since(320, "id", Shape::Text),
        optional("type", Shape::Word(&[("foreignKey", 0)])),
        optional("from", Shape::Any),
        required("to", Shape::Any),
        optional("customProperties", PROPERTIES),
    ],
    more: Some(relationship),
};

/// A relationship of a whole table: it says which columns it starts from.
static TABLE_RELATIONSHIP: Object = Object {
    fields: &[
        since(320, "id", Shape::Text),
        optional("type", Shape::Word(&[("foreignKey", 0)])),
        required("from", Shape::Any),
        required("to", Shape::Any),
        optional("customProperties", PROPERTIES),
    ],
    more: Some(relationship),
};

fn relationship(check: &mut Check<'_>, node: &Node, path: &str) {
    let is_list = |node: &Node| !node.items().is_empty();
    if let (Some(from), Some(to)) = (node.get("from"), node.get("to"))
        && is_list(from) != is_list(to)
    {
        let expected = "one column or a list of them, as in 'from'";
        check.problems.push(Problem::error(to.place(), path_of(path, "to"), expected, to.describe()));
    }
}

/// A quality check, with the fields of all types; [`quality`] knows which type has which.
static QUALITY: Object = Object {
    fields: &[
        optional("id", ID),
        optional("authoritativeDefinitions", DEFINITIONS),
        optional("businessImpact", Shape::Text),
        optional("customProperties", PROPERTIES),
        optional("description", Shape::Text),
        optional(
            "dimension",
            Shape::Word(&[
                ("accuracy", 0),
                ("completeness", 0),
                ("conformity", 0),
                ("consistency", 0),
                ("coverage", 0),
                ("timeliness", 0),
                ("uniqueness", 0),
            ]),
        ),
        optional("method", Shape::Text),
        optional("name", Shape::Text),
        optional("schedule", Shape::Text),
        optional("scheduler", Shape::Text),
        optional("severity", Shape::Text),
        optional("tags", TEXTS),
        optional("type", Shape::Word(&[("text", 0), ("library", 0), ("sql", 0), ("custom", 0)])),
        optional("unit", Shape::Text),
        optional(
            "metric",
            Shape::Word(&[
                ("nullValues", 0),
                ("missingValues", 0),
                ("invalidValues", 0),
                ("duplicateValues", 0),
                ("rowCount", 0),
            ]),
        ),
        optional("rule", Shape::Text),
        optional("arguments", Shape::Open),
        optional("query", Shape::Text),
        optional("engine", Shape::Text),
        optional("implementation", Shape::Any),
        optional("mustBe", Shape::Any),
        optional("mustNotBe", Shape::Any),
        optional("mustBeGreaterThan", Shape::Number),
        optional("mustBeGreaterOrEqualTo", Shape::Number),
        optional("mustBeLessThan", Shape::Number),
        optional("mustBeLessOrEqualTo", Shape::Number),
        optional("mustBeBetween", Shape::List(&Shape::Number)),
        optional("mustNotBeBetween", Shape::List(&Shape::Number)),
    ],
    more: Some(quality::check),
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
        // Servers, checks and logical types differ by conditions, which have functions instead of a table; `items`,
        // `properties` and `map` of a column are there by condition, too.
        let conditional = ["servers", "quality", "logicalTypeOptions", "items", "properties", "map", "relationships"];
        for (version, file) in [(310, "odcs-3.1.0"), (320, "odcs-3.2.0")] {
            crate::bitol::compare_with_schema(&super::CONTRACT, version, file, &conditional);
        }
    }
}
