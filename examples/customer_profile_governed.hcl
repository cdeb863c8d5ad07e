# The guide's product with what its own policy asks for: encryption, tagged personal fields, audit logging, retention
resource "data_product" "customer_profile" {
  name        = "customer_profile"
  domain      = "customer_experience"
  owner       = "customer_team"
  description = "Core customer demographic and preference data"
  
  input {
    source    = "postgres.customers.profiles"
    frequency = "streaming"
  }
  
  quality_rules {
    rule {
      name  = "email_valid"
      check = "regexp_match(email, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}$')"
      severity = "error"
    }
    rule {
      name  = "name_present"
      check = "NOT(first_name IS NULL OR last_name IS NULL)"
      severity = "warning"
    }
  }
  
  output {
    api {
      enabled = true
      rate_limit = 1000
    }
    batch {
      format = "parquet"
      location = "s3://data-products/customer/profile/"
      partition_by = ["country", "date"]
    }
    stream {
      topic = "customer-profile-changes"
      schema_registry = true
    }
  }
  
  documentation {
    fields_url = "https://docs.internal/customer-profile-schema"
    examples_url = "https://docs.internal/customer-profile-examples"
    support_contact = "customer-data-owners@company.com"
  }

  retention_period = "3 years"

  storage {
    encryption {
      enabled = true
    }
  }

  access {
    audit_logging {
      enabled = true
    }
  }

  dataset "profiles" {
    description = "One row per customer"
    field "customer_id" {
      type     = "string"
      nullable = false
      unique   = true
      term     = "customer-id"
      pii      = true
      tags     = ["pii"]
    }
    field "email" {
      type = "string"
      pii  = true
      tags = ["pii"]
    }
    field "last_name" {
      type = "string"
      pii  = true
      tags = ["pii"]
    }
    field "country" {
      type = "string"
    }
  }
}
