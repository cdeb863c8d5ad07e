resource "data_product" "campaigns" {
  domain           = "marketing"
  title            = "Campaigns"
  description      = "What ran where, and what it cost"
  type             = "source-aligned"
  tags             = ["campaign", "cost"]
  owner            = "campaign_team"
  retention_period = "5 years"

  input "ads" {
    source    = "rest:ad-platforms"
    frequency = "daily"
    required  = true
  }

  dataset "campaigns" {
    description = "One row per campaign and day"
    field "campaign_id" {
      type     = "string"
      nullable = false
    }
    field "day" {
      type     = "date"
      nullable = false
    }
    field "channel" {
      type = "string"
    }
    field "cost" {
      type           = "decimal(12,2)"
      classification = "internal"
    }
    field "clicks" {
      type = "integer"
    }
  }

  output {
    sql {
      location = "warehouse.marketing.campaigns"
    }
  }

  quality_rules {
    rule {
      name      = "cost_not_negative"
      check     = "cost >= 0"
      severity  = "error"
      dimension = "validity"
    }
  }

  sla "freshness" {
    target = "1 day"
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
    fields_url   = "https://docs.example.com/data/campaigns/fields"
    examples_url = "https://docs.example.com/data/campaigns/examples"
  }
}
