resource "data_product" "revenue_report" {
  domain           = "finance"
  title            = "Revenue report"
  description      = "Revenue by day, country and category, as it is reported"
  type             = "consumer-aligned"
  tags             = ["revenue", "kpi", "report"]
  owner            = "controlling_team"
  retention_period = "10 years"

  input "invoices" {
    source    = "finance/invoices@^1"
    frequency = "daily"
    required  = true
  }

  input "returns" {
    source    = "sales/returns@^1"
    frequency = "daily"
    required  = true
  }

  input "categories" {
    source    = "product_catalog/categories@^1"
    frequency = "daily"
  }

  input "rates" {
    source    = "finance/exchange_rates@^1"
    frequency = "daily"
    required  = true
  }

  dataset "revenue" {
    description = "One row per day, country and category"
    field "day" {
      type     = "date"
      nullable = false
    }
    field "country" {
      type     = "string"
      nullable = false
    }
    field "category_id" {
      type     = "string"
      nullable = false
    }
    field "net_revenue" {
      type           = "decimal(16,2)"
      nullable       = false
      classification = "confidential"
    }
  }

  output {
    sql {
      location       = "warehouse.finance.revenue"
      classification = "confidential"
    }
    api {
      protocol   = "https"
      location   = "https://api.example.com/revenue/v1"
      rate_limit = 20
    }
  }

  quality_rules {
    rule {
      name      = "reconciled"
      check     = "net_revenue IS NOT NULL"
      severity  = "error"
      dimension = "completeness"
    }
  }

  metric "accuracy" {
    target   = "99.9%"
    measured = "against the general ledger, monthly"
  }

  sla "freshness" {
    target      = "1 day"
    description = "Final on the third working day"
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
    regulations = ["IFRS 15"]
  }

  documentation {
    fields_url   = "https://docs.example.com/data/revenue-report/fields"
    examples_url = "https://docs.example.com/data/revenue-report/examples"
  }
}
