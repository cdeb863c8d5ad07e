resource "data_product" "sales_funnel" {
  domain           = "sales"
  title            = "Sales funnel"
  description      = "From the first visit to the paid order, per day and channel"
  type             = "aggregate"
  tags             = ["funnel", "conversion"]
  owner            = "sales_analytics"
  retention_period = "5 years"

  input "orders" {
    source    = "sales/orders@^2"
    frequency = "daily"
    required  = true
  }

  input "sessions" {
    source    = "marketing/web_sessions@^1"
    frequency = "daily"
    required  = true
  }

  dataset "funnel" {
    description = "One row per day, channel and step"
    field "day" {
      type     = "date"
      nullable = false
    }
    field "channel" {
      type     = "string"
      nullable = false
    }
    field "step" {
      type     = "string"
      nullable = false
    }
    field "sessions" {
      type = "integer"
    }
    field "conversion" {
      type = "decimal(5,4)"
    }
  }

  output {
    sql {
      location = "warehouse.sales.funnel"
      protocol = "postgres"
    }
    file "monthly_report" {
      format    = "xlsx"
      location  = "s3://data-products/sales/funnel-report/"
      frequency = "monthly"
    }
  }

  quality_rules {
    rule {
      name      = "share"
      check     = "conversion BETWEEN 0 AND 1"
      severity  = "error"
      dimension = "validity"
    }
  }

  metric "accuracy" {
    target   = "98%"
    measured = "against the finance ledger, monthly"
  }

  sla "freshness" {
    target      = "1 day"
    description = "Ready by eight in the morning"
  }

  storage {
    encryption {
      enabled = true
    }
  }

  access {
    mode = "open"
  }

  documentation {
    fields_url   = "https://docs.example.com/data/sales-funnel/fields"
    examples_url = "https://docs.example.com/data/sales-funnel/examples"
  }
}
