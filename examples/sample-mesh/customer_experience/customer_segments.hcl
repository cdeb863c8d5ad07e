# Names of people make the file private: others see that it names somebody, not whom.
resource "data_product" "customer_segments" {
  domain           = "customer_experience"
  title            = "Customer segments"
  description      = "Who is a new, a loyal or a lapsing customer"
  type             = "consumer-aligned"
  tags             = ["customer", "segmentation", "ml"]
  owner            = "insight_team"
  retention_period = "1 year"

  people {
    person {
      name  = "Ines Okafor"
      email = "ines.okafor@example.com"
      role  = "data scientist"
    }
  }

  input "orders" {
    source    = "sales/orders@^2"
    frequency = "daily"
    required  = true
  }

  input "feedback" {
    source    = "customer_experience/customer_feedback@^1"
    frequency = "daily"
  }

  input "interactions" {
    source    = "customer_experience/customer_interactions@^1"
    frequency = "daily"
  }

  dataset "segments" {
    description = "One row per customer"
    field "customer_id" {
      type     = "string"
      nullable = false
      unique   = true
      pii      = true
      tags     = ["pii"]
      term     = "customer-id"
    }
    field "segment" {
      type     = "string"
      nullable = false
    }
    field "probability" {
      type = "decimal(4,3)"
    }
    field "computed_at" {
      type     = "timestamp"
      nullable = false
    }
  }

  output {
    api {
      protocol   = "https"
      location   = "https://api.example.com/segments/v1"
      rate_limit = 200
    }
    file "legacy_export" {
      enabled     = false
      description = "Closed; kept so that old links say why"
      format      = "csv"
    }
  }

  quality_rules {
    rule {
      name      = "segment_known"
      check     = "segment IN ('new', 'loyal', 'lapsing', 'lost')"
      severity  = "error"
      dimension = "validity"
    }
  }

  metric "accuracy" {
    target   = "85%"
    measured = "against hand-labelled customers, quarterly"
  }

  sla "latency" {
    target     = "< 120 ms"
    percentile = 99
  }

  sla "freshness" {
    target = "1 day"
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
    statements  = ["Nobody is refused service because of a segment"]
  }

  documentation {
    fields_url   = "https://docs.example.com/data/customer-segments/fields"
    examples_url = "https://docs.example.com/data/customer-segments/examples"
  }

  extensions = {
    "example.model_card" = { "algorithm" = "gradient boosting", "retrained" = "monthly", "features" = 42 }
    "example.cost_centre" = "4711"
  }
}
