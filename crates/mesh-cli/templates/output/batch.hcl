    batch {
      format       = "parquet"
      location     = "s3://data-products/{{domain}}/{{name}}/"
      partition_by = ["updated_at"]
      frequency    = "daily"
      contract {
        file = "contract.odcs.yaml"
      }
    }
