resource "data_product" "shift_plan" {
  domain           = "people_operations"
  title            = "Shift plan"
  description      = "Who-less shifts: how many people are planned where and when"
  type             = "source-aligned"
  tags             = ["workforce", "warehouse"]
  owner            = "people_data_team"
  retention_period = "1 year"

  input "planner" {
    source    = "rest:shift-planner"
    frequency = "daily"
    required  = true
  }

  input "shipments" {
    source      = "logistics/shipments@^1"
    frequency   = "daily"
    description = "Expected load"
  }

  dataset "shifts" {
    description = "One row per site, role and hour"
    field "site" {
      type     = "string"
      nullable = false
    }
    field "role" {
      type     = "string"
      nullable = false
    }
    field "hour" {
      type     = "timestamp"
      nullable = false
    }
    field "planned" {
      type     = "integer"
      nullable = false
    }
  }

  output {
    api {
      protocol   = "https"
      location   = "https://api.example.com/shifts/v1"
      rate_limit = 10
    }
  }

  quality_rules {
    rule {
      name      = "planned"
      check     = "planned >= 0"
      severity  = "error"
      dimension = "validity"
    }
  }

  sla "freshness" {
    target = "1 day"
  }

  storage {
    encryption {
      enabled = true
    }
  }

  access {
    mode = "request"
    audit_logging {
      enabled = true
    }
  }

  documentation {
    fields_url   = "https://docs.example.com/data/shift-plan/fields"
    examples_url = "https://docs.example.com/data/shift-plan/examples"
  }
}
