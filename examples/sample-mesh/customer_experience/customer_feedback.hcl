resource "data_product" "customer_feedback" {
  domain           = "customer_experience"
  title            = "Customer feedback"
  description      = "Scores, surveys and reviews, with the sentiment that we read in them"
  type             = "aggregate"
  tags             = ["customer", "nps", "survey"]
  owner            = "insight_team"
  retention_period = "2 years"

  input "survey" {
    source    = "rest:survey-tool"
    frequency = "daily"
    required  = true
  }

  input "interactions" {
    source      = "customer_experience/customer_interactions@^1"
    frequency   = "daily"
    description = "Which contact it was about"
  }

  dataset "feedback" {
    description = "One row per answer"
    field "feedback_id" {
      type     = "string"
      nullable = false
      unique   = true
    }
    field "customer_id" {
      type        = "string"
      pii         = true
      tags        = ["pii"]
      description = "Empty for anonymous answers"
    }
    field "score" {
      type        = "integer"
      description = "0 to 10"
    }
    field "sentiment" {
      type        = "decimal(3,2)"
      description = "-1 to 1"
    }
    field "given_at" {
      type = "timestamp"
    }
  }

  output {
    batch {
      format       = "parquet"
      location     = "s3://data-products/cx/feedback/"
      partition_by = ["date"]
      frequency    = "daily"
    }
  }

  quality_rules {
    rule {
      name      = "score_in_range"
      check     = "score BETWEEN 0 AND 10"
      severity  = "error"
      dimension = "validity"
    }
  }

  metric "timeliness" {
    target = "1 day"
  }

  sla "retention" {
    target = "2 years"
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
  }

  documentation {
    fields_url   = "https://docs.example.com/data/customer-feedback/fields"
    examples_url = "https://docs.example.com/data/customer-feedback/examples"
  }
}
