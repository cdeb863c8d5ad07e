resource "data_product" "shipments" {
  domain           = "logistics"
  title            = "Shipments"
  description      = "Parcels and what happened to them on their way"
  type             = "source-aligned"
  tags             = ["shipment", "carrier", "delivery"]
  owner            = "delivery_team"
  retention_period = "3 years"

  input "orders" {
    source    = "sales/orders@^2"
    frequency = "streaming"
    required  = true
  }

  input "carriers" {
    source    = "rest:carrier-tracking"
    frequency = "hourly"
    required  = true
  }

  dataset "shipments" {
    description = "One row per parcel"
    field "shipment_id" {
      type     = "string"
      nullable = false
      unique   = true
    }
    field "order_id" {
      type     = "string"
      nullable = false
      term     = "order-id"
    }
    field "carrier" {
      type     = "string"
      nullable = false
    }
    field "shipped_at" {
      type = "timestamp"
    }
    field "delivered_at" {
      type = "timestamp"
    }
    field "recipient" {
      type           = "string"
      pii            = true
      classification = "restricted"
      tags           = ["pii"]
      description    = "Name on the label"
    }
  }

  output {
    stream {
      topic    = "logistics.shipments"
      protocol = "kafka"
    }
    sql {
      location       = "warehouse.logistics.shipments"
      protocol       = "postgres"
      classification = "restricted"
    }
  }

  quality_rules {
    rule {
      name      = "delivered_after_shipped"
      check     = "delivered_at IS NULL OR delivered_at >= shipped_at"
      severity  = "error"
      dimension = "consistency"
    }
  }

  metric "timeliness" {
    target = "60 minutes"
    scope  = "carrier events"
  }

  sla "freshness" {
    target = "1 hour"
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
    regulations = ["GDPR"]
  }

  documentation {
    fields_url   = "https://docs.example.com/data/shipments/fields"
    examples_url = "https://docs.example.com/data/shipments/examples"
  }
}
