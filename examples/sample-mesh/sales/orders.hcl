# A file may name its version; without one the planner proposes it.
resource "data_product" "orders" {
  domain           = "sales"
  title            = "Orders"
  version          = "2.1.0"
  description      = "Every order from the moment it is placed, with its lines and its later fate"
  type             = "source-aligned"
  tags             = ["order", "core", "revenue"]
  owner            = "order_team"
  retention_period = "10 years"

  role {
    role   = "data-product-owner"
    holder = "Order management"
  }

  role {
    role   = "data-governance-steward"
    holder = "Data office"
  }

  support {
    channel     = "chat"
    address     = "#order-data"
    description = "Questions"
  }

  support {
    channel       = "url"
    address       = "https://status.example.com/orders"
    description   = "Incidents"
    response_time = "4 hours"
  }

  input "shop" {
    source      = "postgres.shop.orders"
    frequency   = "streaming"
    required    = true
    description = "Change data capture"
  }

  input "articles" {
    source      = "product_catalog/articles@^1"
    frequency   = "streaming"
    description = "Names and categories"
  }

  dataset "orders" {
    description = "One row per order"
    field "order_id" {
      type     = "string"
      nullable = false
      unique   = true
      term     = "order-id"
    }
    field "customer_id" {
      type     = "string"
      nullable = false
      pii      = true
      tags     = ["pii"]
      term     = "customer-id"
    }
    field "placed_at" {
      type        = "timestamp"
      nullable    = false
      description = "When the customer pressed the button, UTC"
    }
    field "status" {
      type        = "string"
      nullable    = false
      description = "placed, paid, shipped, returned, cancelled"
    }
    field "total" {
      type        = "decimal(12,2)"
      description = "In the order's currency, with tax"
    }
    field "currency" {
      type        = "string"
      nullable    = false
      description = "ISO 4217"
    }
  }

  dataset "order_lines" {
    description = "One row per article in an order"
    field "order_id" {
      type     = "string"
      nullable = false
    }
    field "article_id" {
      type     = "string"
      nullable = false
      term     = "article-id"
    }
    field "quantity" {
      type     = "integer"
      nullable = false
    }
    field "unit_price" {
      type = "decimal(10,2)"
    }
  }

  output {
    stream {
      topic           = "sales.orders"
      protocol        = "kafka"
      schema_registry = true
      format          = "avro"
      datasets        = ["orders"]
      contract {
        file = "orders.odcs.yaml"
      }
    }
    sql {
      location = "warehouse.sales.orders"
      protocol = "postgres"
    }
    batch {
      format       = "parquet"
      location     = "s3://data-products/sales/orders/"
      partition_by = ["date"]
      frequency    = "hourly"
    }
  }

  quality_rules {
    rule {
      name      = "total_not_negative"
      check     = "total >= 0"
      severity  = "error"
      dimension = "validity"
    }
    rule {
      name      = "currency_known"
      check     = "currency IN ('EUR', 'CHF', 'GBP')"
      severity  = "error"
      dimension = "validity"
    }
  }

  metric "completeness" {
    target = "99.99%"
    scope  = "required fields"
  }

  metric "timeliness" {
    target   = "2 minutes"
    scope    = "from the shop to the topic"
    measured = "event time against arrival"
  }

  sla "availability" {
    target = "99.95%"
  }

  sla "freshness" {
    target = "2 minutes"
  }

  sla "support_response" {
    target      = "4 hours"
    description = "Round the clock for broken streams"
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
    regulations = ["GDPR", "GoBD"]
    statements  = ["Customer ids are pseudonyms outside this domain", "Orders are kept ten years for tax law"]
  }

  documentation {
    fields_url      = "https://docs.example.com/data/orders/fields"
    examples_url    = "https://docs.example.com/data/orders/examples"
    support_contact = "order-data@example.com"
  }
}
