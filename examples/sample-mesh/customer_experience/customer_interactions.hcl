resource "data_product" "customer_interactions" {
  domain           = "customer_experience"
  title            = "Customer interactions"
  description      = "Tickets, calls and mails with customers, without their content"
  type             = "source-aligned"
  tags             = ["customer", "support"]
  owner            = "service_team"
  retention_period = "3 years"

  input "desk" {
    source      = "rest:service-desk"
    frequency   = "streaming"
    required    = true
    description = "Webhooks of the service desk"
  }

  dataset "interactions" {
    description = "One row per contact"
    field "interaction_id" {
      type     = "string"
      nullable = false
      unique   = true
    }
    field "customer_id" {
      type = "string"
      pii  = true
      tags = ["pii"]
      term = "customer-id"
    }
    field "channel" {
      type     = "string"
      nullable = false
    }
    field "topic" {
      type = "string"
    }
    field "opened_at" {
      type     = "timestamp"
      nullable = false
    }
    field "solved_at" {
      type = "timestamp"
    }
  }

  output {
    stream {
      topic           = "cx.interactions"
      protocol        = "kafka"
      schema_registry = true
      classification  = "restricted"
    }
    api {
      protocol       = "https"
      location       = "https://api.example.com/interactions/v1"
      rate_limit     = 50
      classification = "restricted"
    }
  }

  quality_rules {
    rule {
      name      = "solved_after_opened"
      check     = "solved_at IS NULL OR solved_at >= opened_at"
      severity  = "error"
      dimension = "consistency"
    }
  }

  metric "completeness" {
    target = "97%"
    scope  = "topic"
  }

  sla "support_response" {
    description = "Same business day"
  }

  storage {
    residency = ["EU"]
    encryption {
      enabled = true
      method  = "AES-256"
    }
  }

  access {
    mode = "request"
    audit_logging {
      enabled = true
    }
  }

  compliance {
    regulations = ["GDPR"]
    statements  = ["No message text is kept here"]
  }

  documentation {
    fields_url      = "https://docs.example.com/data/customer-interactions/fields"
    examples_url    = "https://docs.example.com/data/customer-interactions/examples"
    support_contact = "service-data@example.com"
  }
}
