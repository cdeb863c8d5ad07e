resource "data_product" "payments" {
  domain           = "finance"
  title            = "Payments"
  description      = "What came in, matched to invoices"
  type             = "source-aligned"
  tags             = ["payment", "revenue"]
  owner            = "treasury_team"
  retention_period = "10 years"

  input "bank" {
    source    = "camt.053 statements"
    frequency = "daily"
    required  = true
  }

  input "invoices" {
    source    = "finance/invoices@^1"
    frequency = "hourly"
    required  = true
  }

  dataset "payments" {
    description = "One row per booking"
    field "payment_id" {
      type     = "string"
      nullable = false
      unique   = true
    }
    field "invoice_id" {
      type = "string"
    }
    field "amount" {
      type     = "decimal(14,2)"
      nullable = false
    }
    field "iban_hash" {
      type           = "string"
      pii            = true
      classification = "restricted"
      tags           = ["pii", "hashed"]
      description    = "SHA-256 with a yearly salt"
    }
    field "booked_on" {
      type     = "date"
      nullable = false
    }
  }

  output {
    sql {
      location       = "warehouse.finance.payments"
      classification = "restricted"
    }
  }

  quality_rules {
    rule {
      name      = "matched"
      check     = "invoice_id IS NOT NULL"
      severity  = "warning"
      dimension = "completeness"
    }
  }

  metric "completeness" {
    target   = "98%"
    scope    = "invoice_id"
    measured = "three days after booking"
  }

  sla "freshness" {
    target = "1 day"
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

  compliance {
    regulations = ["GoBD", "PSD2"]
  }

  documentation {
    fields_url   = "https://docs.example.com/data/payments/fields"
    examples_url = "https://docs.example.com/data/payments/examples"
  }
}
