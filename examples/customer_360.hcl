# The guide's data product template (Step 2, "Define data product characteristics") as a product file.
resource "data_product" "customer_360" {
  name        = "customer_360"
  domain      = "customer_experience"
  title       = "Customer 360 Data Product"
  description = "All that Customer Experience knows of a customer, in one place"
  type        = "consumer-aligned"
  tags        = ["customer"]

  # The team is public. The person is kept in a private attachment, and so is this file.
  owner_team = "Customer Experience"
  owner_person {
    name  = "Jane Smith"
    email = "jane.smith@company.com"
  }

  dataset "Customer Profile" {
    description = "identity, preferences, segments"
    field "customer_id" {
      type     = "string"
      nullable = false
      unique   = true
    }
    field "email" {
      type           = "string"
      classification = "restricted"
      pii            = true
      tags           = ["pii"]
      term           = "email-address"
      description    = "Where we may write to"
    }
    field "segment" {
      type = "string"
    }
  }
  dataset "Customer Interactions" {
    description = "support tickets, calls, emails"
  }
  dataset "Customer Feedback" {
    description = "NPS scores, surveys, reviews"
  }

  input "profiles" {
    source    = "customer_experience/customer_profile@^1"
    frequency = "streaming"
    required  = true
  }

  output {
    api {
      description = "REST API for real-time access"
      protocol    = "https"
      rate_limit  = 1000
    }
    batch {
      description = "Daily snapshots via S3 for batch processing"
      format      = "parquet"
      location    = "s3://data-products/customer/360/"
      frequency   = "daily"
    }
    stream {
      description     = "Change data capture stream via Kafka"
      protocol        = "kafka"
      topic           = "customer-360-changes"
      schema_registry = true
    }
  }

  quality_rules {
    rule {
      name      = "email_present"
      check     = "email IS NOT NULL"
      severity  = "error"
      dimension = "completeness"
    }
  }

  metric "Completeness" {
    target = "99.5%"
    scope  = "required fields"
  }
  metric "Accuracy" {
    target = "98%"
    scope  = "verified email addresses"
  }
  metric "Timeliness" {
    target      = "15 minutes"
    scope       = "source changes"
    description = "Updated within 15 minutes of source changes"
  }

  sla "availability" {
    target      = "99.9%"
    description = "API Availability"
  }
  sla "latency" {
    target      = "< 500 ms"
    percentile  = 95
    description = "Query Performance: p95 < 500ms"
  }
  sla "support_response" {
    description = "Support Response: Same business day"
  }
  support {
    channel       = "email"
    address       = "customer-data-owners@company.com"
    response_time = "Same business day"
  }

  storage {
    encryption {
      enabled = true
      method  = "AES-256"
    }
    residency = ["EU"]
  }
  access {
    mode = "iam"
    audit_logging {
      enabled     = true
      description = "Full audit trail of data changes"
    }
  }
  retention_period = "3 years"
  compliance {
    regulations = ["GDPR"]
    statements = [
      "PII handling compliant with GDPR",
      "Access controls enforced via IAM",
      "Full audit trail of data changes",
    ]
  }

  documentation {
    fields_url      = "https://docs.internal/customer-360-schema"
    examples_url    = "https://docs.internal/customer-360-examples"
    support_contact = "customer-data-owners@company.com"
  }
}
