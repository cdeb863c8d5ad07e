# What customers write about articles: rules on rows, and figures with targets. docs/quality.md measures it
resource "data_product" "reviews" {
  name        = "reviews"
  domain      = "customer_experience"
  owner       = "customer_team"
  description = "What customers write about articles, one row per review"
  type        = "source-aligned"

  dataset "reviews" {
    description = "One row per review"
    field "review_id" {
      type     = "integer"
      nullable = false
      unique   = true
    }
    field "article" {
      type     = "string"
      nullable = false
    }
    field "email" {
      type = "string"
      pii  = true
      tags = ["pii"]
    }
    field "stars" {
      type     = "integer"
      nullable = false
    }
    field "written_at" {
      type     = "timestamp"
      nullable = false
      tags     = ["event-time"]
    }
  }

  output {
    batch {
      format    = "csv"
      location  = "s3://data-products/reviews/"
      frequency = "daily"
    }
  }

  quality_rules {
    rule {
      name     = "email_valid"
      check    = "regexp_match(email, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}$')"
      severity = "error"
    }
    rule {
      name     = "stars_in_range"
      check    = "stars BETWEEN 1 AND 5"
      severity = "error"
    }
    rule {
      name     = "article_named"
      check    = "NOT(article IS NULL OR article = '')"
      severity = "warning"
    }
  }

  metric "completeness" {
    target = "99.5%"
  }
  metric "uniqueness" {
    target = "100%"
  }
}
