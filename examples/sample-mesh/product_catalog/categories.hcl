resource "data_product" "categories" {
  domain           = "product_catalog"
  title            = "Categories"
  description      = "The tree that articles hang on"
  type             = "source-aligned"
  tags             = ["article", "reference-data"]
  owner            = "catalogue_team"
  retention_period = "10 years"

  input "pim" {
    source    = "postgres.pim.categories"
    frequency = "daily"
  }

  dataset "categories" {
    description = "One row per node of the tree"
    field "category_id" {
      type     = "string"
      nullable = false
      unique   = true
    }
    field "parent_id" {
      type = "string"
    }
    field "name" {
      type     = "string"
      nullable = false
    }
    field "depth" {
      type = "integer"
    }
  }

  output {
    file {
      format    = "csv"
      location  = "s3://data-products/catalog/categories.csv"
      protocol  = "s3"
      frequency = "daily"
    }
  }

  quality_rules {
    rule {
      name      = "root_has_no_parent"
      check     = "depth > 0 OR parent_id IS NULL"
      severity  = "error"
      dimension = "consistency"
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
    fields_url   = "https://docs.example.com/data/categories/fields"
    examples_url = "https://docs.example.com/data/categories/examples"
  }
}
