resource "data_product" "head_count" {
  domain           = "people_operations"
  title            = "Head count"
  description      = "How many of us there are, by department and month; nobody by name"
  type             = "source-aligned"
  tags             = ["workforce", "kpi"]
  owner            = "people_data_team"
  retention_period = "10 years"

  input "hr" {
    source    = "workday.core"
    frequency = "monthly"
    required  = true
  }

  dataset "head_count" {
    description = "One row per department and month"
    field "department" {
      type     = "string"
      nullable = false
    }
    field "month" {
      type     = "string"
      nullable = false
    }
    field "employees" {
      type        = "integer"
      description = "Five or more; smaller groups are merged"
    }
    field "full_time_equivalents" {
      type = "decimal(8,2)"
    }
  }

  output {
    file {
      format    = "csv"
      location  = "s3://data-products/people/head-count.csv"
      frequency = "monthly"
    }
  }

  quality_rules {
    rule {
      name        = "no_small_groups"
      check       = "employees >= 5"
      severity    = "error"
      dimension   = "privacy"
      description = "Nobody can be picked out"
    }
  }

  sla "freshness" {
    target = "31 days"
  }

  storage {
    residency = ["EU"]
    encryption {
      enabled = true
      method  = "AES-256"
    }
  }

  access {
    mode = "iam"
    audit_logging {
      enabled     = true
      description = "Every query, with the key that asked"
    }
  }

  compliance {
    regulations = ["GDPR"]
    statements  = ["No group smaller than five"]
  }

  documentation {
    fields_url   = "https://docs.example.com/data/head-count/fields"
    examples_url = "https://docs.example.com/data/head-count/examples"
  }
}
