resource "data_product" "exchange_rates" {
  domain           = "finance"
  title            = "Exchange rates"
  description      = "The European Central Bank's reference rates, as we use them"
  type             = "source-aligned"
  tags             = ["currency", "reference-data"]
  license          = "ECB reuse policy"
  owner            = "treasury_team"
  retention_period = "30 years"

  input "ecb" {
    source    = "https://www.ecb.europa.eu/stats/eurofxref"
    frequency = "daily"
    required  = true
  }

  dataset "rates" {
    description = "One row per day and currency"
    field "day" {
      type     = "date"
      nullable = false
    }
    field "currency" {
      type        = "string"
      nullable    = false
      description = "ISO 4217"
    }
    field "rate" {
      type        = "decimal(18,8)"
      nullable    = false
      description = "Units for one euro"
    }
  }

  output {
    file {
      format    = "csv"
      location  = "s3://data-products/finance/exchange-rates.csv"
      frequency = "daily"
    }
    api {
      protocol   = "https"
      location   = "https://api.example.com/rates/v1"
      rate_limit = 100
    }
  }

  quality_rules {
    rule {
      name      = "positive"
      check     = "rate > 0"
      severity  = "error"
      dimension = "validity"
    }
  }

  sla "freshness" {
    target   = "1 day"
    measured = "after 17:00 CET"
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
    fields_url   = "https://docs.example.com/data/exchange-rates/fields"
    examples_url = "https://docs.example.com/data/exchange-rates/examples"
  }
}
