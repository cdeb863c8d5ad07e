resource "data_product" "carrier_performance" {
  domain           = "logistics"
  title            = "Carrier performance"
  description      = "How often and how late each carrier delivers, by week and region"
  type             = "aggregate"
  tags             = ["carrier", "kpi"]
  owner            = "delivery_team"
  retention_period = "5 years"

  input "shipments" {
    source    = "logistics/shipments@^1"
    frequency = "weekly"
    required  = true
  }

  dataset "performance" {
    description = "One row per carrier, region and week"
    field "carrier" {
      type     = "string"
      nullable = false
    }
    field "region" {
      type     = "string"
      nullable = false
    }
    field "week" {
      type     = "string"
      nullable = false
    }
    field "on_time" {
      type = "decimal(5,4)"
    }
    field "lost" {
      type = "integer"
    }
  }

  output {
    sql {
      location = "warehouse.logistics.carrier_performance"
    }
  }

  quality_rules {
    rule {
      name      = "share"
      check     = "on_time BETWEEN 0 AND 1"
      severity  = "error"
      dimension = "validity"
    }
  }

  sla "freshness" {
    target = "7 days"
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
    fields_url   = "https://docs.example.com/data/carrier-performance/fields"
    examples_url = "https://docs.example.com/data/carrier-performance/examples"
  }
}
