resource "data_product" "invoices" {
  domain           = "finance"
  title            = "Invoices"
  description      = "Every invoice and credit note that we wrote"
  type             = "source-aligned"
  tags             = ["invoice", "revenue", "audit"]
  owner            = "accounting_team"
  retention_period = "10 years"

  role {
    role   = "data-product-owner"
    holder = "Head of accounting's office"
  }

  role {
    role   = "data-platform-engineer"
    holder = "Finance platform"
  }

  role {
    role   = "data-mesh-architect"
    holder = "Architecture board"
  }

  input "erp" {
    source    = "sap.fi.documents"
    frequency = "hourly"
    required  = true
  }

  input "orders" {
    source    = "sales/orders@^2"
    frequency = "hourly"
    required  = true
  }

  dataset "invoices" {
    description = "One row per document"
    field "invoice_id" {
      type     = "string"
      nullable = false
      unique   = true
    }
    field "order_id" {
      type = "string"
      term = "order-id"
    }
    field "issued_on" {
      type     = "date"
      nullable = false
    }
    field "net" {
      type           = "decimal(14,2)"
      nullable       = false
      classification = "confidential"
    }
    field "tax" {
      type     = "decimal(14,2)"
      nullable = false
    }
    field "currency" {
      type     = "string"
      nullable = false
    }
  }

  output {
    sql {
      location       = "warehouse.finance.invoices"
      protocol       = "postgres"
      classification = "confidential"
      contract {
        id      = "invoices-sql"
        version = "1.0.0"
      }
    }
  }

  quality_rules {
    rule {
      name      = "tax_plausible"
      check     = "tax >= 0 OR net < 0"
      severity  = "error"
      dimension = "validity"
    }
  }

  metric "completeness" {
    target = "100%"
    scope  = "all orders that were shipped"
  }

  metric "accuracy" {
    target   = "100%"
    measured = "by the auditors, yearly"
  }

  sla "availability" {
    target = "99.5%"
  }

  sla "retention" {
    target      = "10 years"
    description = "As tax law asks"
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
    regulations = ["GoBD", "IFRS 15"]
    statements  = ["Unchangeable once issued"]
  }

  documentation {
    fields_url      = "https://docs.example.com/data/invoices/fields"
    examples_url    = "https://docs.example.com/data/invoices/examples"
    support_contact = "accounting-data@example.com"
  }
}
