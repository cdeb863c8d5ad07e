resource "data_product" "attribution" {
  domain           = "marketing"
  title            = "Attribution"
  description      = "Which campaign an order is owed to, by two models side by side"
  type             = "consumer-aligned"
  tags             = ["attribution", "ml", "campaign"]
  owner            = "marketing_analytics"
  retention_period = "2 years"

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

  input "campaigns" {
    source    = "marketing/campaigns@^1"
    frequency = "daily"
    required  = true
  }

  dataset "attribution" {
    description = "One row per order, campaign and model"
    field "order_id" {
      type     = "string"
      nullable = false
      term     = "order-id"
    }
    field "campaign_id" {
      type     = "string"
      nullable = false
    }
    field "model" {
      type     = "string"
      nullable = false
    }
    field "share" {
      type     = "decimal(5,4)"
      nullable = false
    }
  }

  output {
    batch {
      format    = "parquet"
      location  = "s3://data-products/marketing/attribution/"
      frequency = "daily"
    }
  }

  quality_rules {
    rule {
      name      = "share"
      check     = "share BETWEEN 0 AND 1"
      severity  = "error"
      dimension = "validity"
    }
  }

  metric "accuracy" {
    description = "Two models are published because neither is right"
  }

  sla "freshness" {
    target = "2 days"
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
    fields_url   = "https://docs.example.com/data/attribution/fields"
    examples_url = "https://docs.example.com/data/attribution/examples"
  }
}
