resource "data_product" "stock_levels" {
  domain           = "logistics"
  title            = "Stock levels"
  description      = "How many of each article lie where"
  type             = "source-aligned"
  tags             = ["stock", "warehouse", "core"]
  owner            = "warehouse_team"
  retention_period = "2 years"

  input "wms" {
    source    = "postgres.wms.stock"
    frequency = "streaming"
    required  = true
  }

  input "articles" {
    source    = "product_catalog/articles@^1"
    frequency = "streaming"
  }

  dataset "stock" {
    description = "One row per warehouse and article"
    field "warehouse_id" {
      type     = "string"
      nullable = false
    }
    field "article_id" {
      type     = "string"
      nullable = false
      term     = "article-id"
    }
    field "on_hand" {
      type     = "integer"
      nullable = false
    }
    field "reserved" {
      type     = "integer"
      nullable = false
    }
    field "counted_at" {
      type = "timestamp"
    }
  }

  output {
    stream {
      topic           = "logistics.stock"
      protocol        = "kafka"
      schema_registry = true
    }
    api {
      protocol   = "https"
      location   = "https://api.example.com/stock/v2"
      rate_limit = 2000
    }
  }

  quality_rules {
    rule {
      name      = "not_negative"
      check     = "on_hand >= 0 AND reserved >= 0"
      severity  = "error"
      dimension = "validity"
    }
    rule {
      name      = "reserved_is_there"
      check     = "reserved <= on_hand"
      severity  = "warning"
      dimension = "consistency"
    }
  }

  metric "accuracy" {
    target   = "99%"
    measured = "against yearly counts"
  }

  sla "availability" {
    target = "99.9%"
  }

  sla "latency" {
    target     = "< 50 ms"
    percentile = 95
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
    fields_url      = "https://docs.example.com/data/stock-levels/fields"
    examples_url    = "https://docs.example.com/data/stock-levels/examples"
    support_contact = "warehouse-data@example.com"
  }
}
