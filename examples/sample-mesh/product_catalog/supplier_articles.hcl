resource "data_product" "supplier_articles" {
  domain           = "product_catalog"
  title            = "Supplier articles"
  description      = "What suppliers offer, matched to our articles"
  type             = "aggregate"
  tags             = ["article", "supplier"]
  owner            = "sourcing_team"
  retention_period = "7 years"

  input "articles" {
    source      = "product_catalog/articles@^1"
    frequency   = "streaming"
    required    = true
    description = "To match by EAN"
  }

  input "edi" {
    source      = "sftp://edi.example.com/pricat"
    frequency   = "daily"
    required    = true
    description = "PRICAT messages"
  }

  dataset "offers" {
    description = "One row per supplier and article"
    field "supplier_id" {
      type     = "string"
      nullable = false
    }
    field "article_id" {
      type        = "string"
      description = "Empty until matched"
    }
    field "purchase_price" {
      type           = "decimal(10,2)"
      classification = "confidential"
    }
    field "lead_time_days" {
      type = "integer"
    }
  }

  output {
    batch {
      format         = "parquet"
      location       = "s3://data-products/catalog/supplier-articles/"
      partition_by   = ["supplier_id", "date"]
      classification = "confidential"
      datasets       = ["offers"]
      frequency      = "daily"
    }
  }

  quality_rules {
    rule {
      name        = "matched"
      check       = "article_id IS NOT NULL"
      severity    = "warning"
      dimension   = "completeness"
      description = "Nineteen in twenty should match"
    }
  }

  metric "completeness" {
    target = "95%"
    scope  = "article_id"
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

  documentation {
    fields_url   = "https://docs.example.com/data/supplier-articles/fields"
    examples_url = "https://docs.example.com/data/supplier-articles/examples"
  }
}
