resource "data_product" "web_sessions" {
  domain           = "marketing"
  title            = "Web sessions"
  description      = "Visits to the shop, one row each, of visitors who agreed to it"
  type             = "source-aligned"
  tags             = ["web", "clickstream"]
  owner            = "web_team"
  retention_period = "13 months"

  input "tracker" {
    source    = "kafka.web.events"
    frequency = "streaming"
    required  = true
  }

  dataset "sessions" {
    description = "One row per visit"
    field "session_id" {
      type     = "string"
      nullable = false
      unique   = true
    }
    field "visitor_id" {
      type        = "string"
      pii         = true
      tags        = ["pii"]
      description = "A cookie's random number"
    }
    field "started_at" {
      type     = "timestamp"
      nullable = false
    }
    field "landing_page" {
      type = "string"
    }
    field "source" {
      type = "string"
    }
    field "orders" {
      type = "integer"
    }
  }

  output {
    batch {
      format       = "parquet"
      location     = "s3://data-products/marketing/sessions/"
      partition_by = ["date", "hour"]
      frequency    = "hourly"
    }
    stream {
      topic    = "marketing.sessions"
      protocol = "kafka"
    }
  }

  quality_rules {
    rule {
      name      = "has_landing_page"
      check     = "landing_page IS NOT NULL"
      severity  = "warning"
      dimension = "completeness"
    }
  }

  metric "completeness" {
    target = "95%"
    scope  = "source"
  }

  sla "freshness" {
    target = "90 minutes"
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
    regulations = ["GDPR", "ePrivacy"]
    statements  = ["Only with consent; the consent's time is kept"]
  }

  documentation {
    fields_url   = "https://docs.example.com/data/web-sessions/fields"
    examples_url = "https://docs.example.com/data/web-sessions/examples"
  }
}
