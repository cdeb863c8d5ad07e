resource "data_product" "articles" {
  domain           = "product_catalog"
  title            = "Articles"
  description      = "Everything that we sell or sold, one row per article and language"
  type             = "source-aligned"
  tags             = ["article", "master-data", "core"]
  owner            = "catalogue_team"
  retention_period = "10 years"

  role {
    role   = "data-product-owner"
    holder = "Catalogue office"
  }

  role {
    role   = "domain-data-engineer"
    holder = "Catalogue engineering"
  }

  support {
    channel       = "chat"
    address       = "#catalogue-data"
    description   = "Questions of every kind"
    response_time = "same business day"
  }

  input "pim" {
    source      = "postgres.pim.articles"
    frequency   = "streaming"
    required    = true
    description = "Change data capture of the article master"
  }

  dataset "articles" {
    description = "One row per article"
    field "article_id" {
      type        = "string"
      nullable    = false
      unique      = true
      term        = "article-id"
      description = "Our own number, never reused"
    }
    field "ean" {
      type        = "string"
      tags        = ["identifier"]
      description = "GTIN-13 where the supplier gives one"
    }
    field "category_id" {
      type     = "string"
      nullable = false
    }
    field "name" {
      type     = "string"
      nullable = false
    }
    field "list_price" {
      type        = "decimal(10,2)"
      description = "In euro, without tax"
    }
    field "active" {
      type     = "boolean"
      nullable = false
    }
  }

  output {
    api {
      description = "Articles by id or EAN"
      protocol    = "https"
      location    = "https://api.example.com/articles/v1"
      rate_limit  = 500
      contract {
        id      = "articles-api"
        version = "1.2.0"
      }
    }
    stream {
      topic           = "catalog.articles"
      protocol        = "kafka"
      schema_registry = true
      format          = "avro"
    }
    sql {
      location = "warehouse.catalog.articles"
      protocol = "postgres"
    }
  }

  quality_rules {
    rule {
      name        = "ean_valid"
      check       = "ean IS NULL OR regexp_match(ean, '^[0-9]{13}$')"
      severity    = "warning"
      dimension   = "validity"
      description = "Thirteen digits, or none"
    }
    rule {
      name      = "price_positive"
      check     = "list_price > 0"
      severity  = "error"
      dimension = "validity"
    }
  }

  metric "completeness" {
    target   = "99.9%"
    scope    = "article_id, name, category_id"
    measured = "nightly over all rows"
  }

  metric "uniqueness" {
    target = "100%"
    scope  = "article_id"
  }

  sla "availability" {
    target   = "99.9%"
    measured = "at the gateway, monthly"
  }

  sla "latency" {
    target     = "< 80 ms"
    percentile = 95
    measured   = "at the gateway"
  }

  sla "freshness" {
    target      = "5 minutes"
    description = "From the article master to the topic"
  }

  storage {
    residency = ["EU"]
    encryption {
      enabled = true
      method  = "AES-256"
    }
  }

  access {
    mode = "open"
  }

  documentation {
    fields_url      = "https://docs.example.com/data/articles/fields"
    examples_url    = "https://docs.example.com/data/articles/examples"
    support_contact = "catalogue-data@example.com"
    link {
      title = "How articles are numbered"
      url   = "https://docs.example.com/data/articles/numbers"
    }
  }
}
