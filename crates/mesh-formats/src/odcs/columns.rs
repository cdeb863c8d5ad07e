//! What a table and its columns look like in an ODCS document, with their checks.

use super::quality;
use super::shapes::{CONTEXT, DEFINITIONS, ID, PROPERTIES, SYNONYM, TEXTS};
use crate::problem::Problem;
use crate::yaml::{Check, Node, Object, Shape, optional, path_of, required, since};

const QUALITY_CHECKS: Shape = Shape::List(&Shape::Map(&QUALITY));
const RELATIONSHIPS: Shape = Shape::List(&Shape::Map(&RELATIONSHIP));

/// A table.
pub(super) static SCHEMA_OBJECT: Object = Object {
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
