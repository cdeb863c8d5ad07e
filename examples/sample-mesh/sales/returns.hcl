resource "data_product" "returns" {
  domain           = "sales"
  title            = "Returns"
  description      = "What came back and why"
  type             = "source-aligned"
  tags             = ["order", "returns"]
  owner            = "order_team"
  retention_period = "10 years"

  input "orders" {
    source    = "sales/orders@^2"
    frequency = "streaming"
    required  = true
  }

  input "wms" {
    source    = "postgres.wms.returns"
    frequency = "streaming"
    required  = true
  }

  dataset "returns" {
    description = "One row per returned line"
    field "return_id" {
      type     = "string"
      nullable = false
      unique   = true
    }
    field "order_id" {
      type     = "string"
      nullable = false
      term     = "order-id"
    }
    field "article_id" {
      type     = "string"
      nullable = false
    }
    field "reason" {
      type = "string"
    }
    field "received_at" {
      type = "timestamp"
    }
  }

  output {
    stream {
      topic           = "sales.returns"
      protocol        = "kafka"
      schema_registry = true
    }
  }

  quality_rules {
    rule {
      name      = "reason_given"
      check     = "reason IS NOT NULL"
      severity  = "warning"
      dimension = "completeness"
    }
  }

  metric "completeness" {
    target = "90%"
    scope  = "reason"
  }

  sla "freshness" {
    target = "1 hour"
  }

  storage {
    encryption {
      enabled = true
    }
  }

  access {
    mode = "iam"
    audit_logging {
      enabled     = true
      description = "Every query, with the key that asked"
    }
  }

  documentation {
    fields_url   = "https://docs.example.com/data/returns/fields"
    examples_url = "https://docs.example.com/data/returns/examples"
  }
}
