# The data product {{domain}}/{{name}}. `mesh explain FIELD` says what a name means; `mesh validate .` checks the file;
# `mesh plan .` shows what publishing it would do, and `mesh apply .` publishes it.
resource "data_product" "{{name}}" {
  name        = "{{name}}"
  domain      = "{{domain}}"
  owner       = "{{owner}}"
  title       = "{{title}}"
  description = "{{title}}: say in a sentence what one row stands for and who needs it"
  type        = "{{type}}"
  tags        = []

  dataset "{{name}}" {
    description = "One row per record"
    field "id" {
      type        = "string"
      nullable    = false
      unique      = true
      description = "Identifies the record for ever"
    }
    field "updated_at" {
      type        = "timestamp"
      nullable    = false
      tags        = ["event-time"]
      description = "When the record last changed at its source, UTC"
    }
    # Personal data says so: pii = true, classification = "restricted", tags = ["pii"].
  }

{{input}}

  output {
{{output}}
  }

  quality_rules {
    rule "id_present" {
      check     = "id IS NOT NULL"
      dimension = "completeness"
      severity  = "error"
    }
    rule "not_from_the_future" {
      check     = "updated_at <= now()"
      dimension = "validity"
      severity  = "warning"
    }
  }

  metric "completeness" {
    target = "99.5%"
    scope  = "required fields"
  }

  sla "availability" {
    target = "99.9%"
  }
  sla "freshness" {
    target = "< {{freshness}}"
  }

  storage {
    encryption {
      enabled = true
    }
  }
  access {
    audit_logging {
      enabled = true
    }
  }
  retention_period = "3 years"

  documentation {
    support_contact = "{{owner}}"
  }
}
